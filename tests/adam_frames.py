"""Small ADaM frames for tests: patients with given times, or dealt the printed margins."""

import numpy as np
import pandas as pd

from palmira.twin.adam.analysis_set import ROLES, VARIABLES, plain

START = pd.Timestamp("2019-04-10")
# What a patient is unless a test says otherwise.
USUAL = {
    "RANDDT": START,
    "SAFFL": "Y",
    "NTRTRS": "",
    "EOTSTT": "DISCONTINUED",
    "DCTREAS": "PROGRESSIVE DISEASE",
    "DOSREDFL": "N",
    "DOSINTFL": "N",
    "RDI": 90.0,
    "RDIET": 100.0,
    "AGE": 59,
    "RACEGR1": "Caucasian",
    "MENOPST": "Postmenopausal",
    "ECOGBL": 0,
    "MEASFL": "Y",
    "DENOVOFL": "N",
    "VISCFL": "N",
    "LIVERFL": "N",
    "METGR1": "<3",
    "HRSTAT": "",
    "PRIORET": "",
    "ETDRUG": "Fulvestrant",
    "PCDKSET": "Advanced disease",
    "PCDKDOSE": 125,
    "PCDKRSP": "",
    "PCDKDUR": 20.6,
    "OS_event": False,
    "BOR": "SD",
}
# A number within each printed range.
NUMBERS = {
    "<65 years": 50,
    "≥65 years": 70,
    "0": 0,
    "≥1": 1,
    "1-2": 1,
    "6 to <12 months": 8.0,
    "<12 months": 8.0,
    "≥12 months": 24.0,
    "125 mg": 125,
    "100 mg": 100,
    "75 mg": 75,
}
EVENT = ["USUBJID", "AEDECOD", "AECAT", "AETOXGRN", "AESER", "AEREL"]
OUTCOMES = ["PFS", "PFS_event", "OS", "OS_event", "BOR"]


def adverse_events(*lines):
    """ADAE of (patient's number, term, class, grade, serious, related); the last two may lack."""
    rows = [(*line, "N", "NOT RELATED")[:6] if len(line) == 4 else line for line in lines]
    frame = pd.DataFrame(rows, columns=EVENT).astype({"AETOXGRN": "int64"})
    return frame.assign(USUBJID=[f"P{i}" for i in frame["USUBJID"]], TRTEMFL="Y")


def frames_of(patients, events=None):
    """Frames from one line a patient: TRT01PN, PFS, PFS_event and what differs from the usual.

    The index is the patient's number; without OS a patient is followed as long as for PFS.
    """
    people = patients.assign(**{k: v for k, v in USUAL.items() if k not in patients})
    people["OS"] = people.get("OS", people["PFS"])
    people.index = pd.Index([f"P{i}" for i in people.index], name="USUBJID")
    endpoints = [
        pd.DataFrame(
            {
                "PARAMCD": e,
                "AVAL": people[e],
                "CNSR": 1 - people[f"{e}_event"].astype(int),
                "STARTDT": people["RANDDT"],
            }
        ).reset_index()
        for e in ("PFS", "OS")
    ]
    return {
        "adsl": people.drop(columns=OUTCOMES).reset_index(),
        "adtte": pd.concat(endpoints, ignore_index=True),
        "adrs": pd.DataFrame({"PARAMCD": "BOR", "AVALC": people["BOR"]}).reset_index(),
        "adae": adverse_events() if events is None else events,
    }


def dealt(record, seed=1):
    """Patients with the printed events and levels of every factor, at random times.

    Levels of the subgroup figure are dealt to events and others apart, so that all its counts hold.
    """
    rng = np.random.default_rng(seed)
    arms = {a.role: k for k, a in record.sheet.arms.items()}
    parts = []
    for role, number in ROLES.items():
        arm = arms[role]
        n = int(record.size("randomized", arm).value)
        events = int(record[f"results.pfs.events.{arm}.count"].value)
        mine = pd.DataFrame({"TRT01PN": number, "PFS_event": np.arange(n) < events}, range(n))
        mine["PFS"] = rng.integers(20, 900, n)
        for block in ("figure3", "table1"):
            for factor, variable in VARIABLES.items():
                values = _levels(record, block, factor, arm, n)
                if values and variable not in mine:
                    first, rest = (rng.permutation(np.array(v, dtype=object)) for v in values)
                    mine[variable] = [*first, *rest]
        # Whose previous treatment was not for advanced disease has no response in the table.
        early = mine["PCDKSET"] == "Adjuvant setting"
        blank = mine["PCDKRSP"] == ""
        mine.loc[blank, "PCDKRSP"] = mine.loc[early, "PCDKRSP"].to_numpy()
        mine.loc[early, "PCDKRSP"] = ""
        parts.append(mine)
    people = pd.concat(parts, ignore_index=True)
    numbers = ["AGE", "ECOGBL", "PCDKDOSE", "PCDKDUR"]
    return people.astype(dict.fromkeys(numbers, float))


def _levels(record, block, factor, arm, n):
    """Values of a factor's variable: those of the patients with an event, and the others'."""
    cells = [
        record.cell(e)
        for e in record.entries.values()
        if (e.block, e.factor, e.arm) == (block, factor, arm)
        and e.category
        and e.part in ("n", "count")
    ]
    first, rest = [], []
    for cell in cells:
        category = next(iter(cell.values())).category
        value = NUMBERS.get(category, {"Yes": "Y", "No": "N"}.get(category, plain(category)))
        size = int((cell.get("n") or cell["count"]).value)
        events = int(cell["events"].value) if "events" in cell else 0
        first += [value] * events
        rest += [value] * (size - events)
    return (first, rest + [""] * (n - len(first) - len(rest))) if cells else None
