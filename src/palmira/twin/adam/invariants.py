"""What must hold between the synthetic data sets, whatever the search did."""

from __future__ import annotations

import pandas as pd

from palmira.record import Record
from palmira.twin.adam.adtte import RESPONSES
from palmira.twin.adam.dictionary import datasets, parts
from palmira.twin.adam.study_days import (
    CONFIRMATION,
    SAFETY_WINDOW,
    benefit_days,
    day_of,
    timeline,
)
from palmira.twin.facts import printed

Frames = dict[str, pd.DataFrame]
Broken = dict[str, pd.Series]
RANK = {result: rank for rank, result in enumerate(["CR", "PR", "SD", "PD", "NE"])}
IN_ADSL = ["TRT01P", "TRT01PN", "ITTFL", "SAFFL", "MEASFL", "STRAT1R", "STRAT2R", "TRTSDT",
           "TRTEDT"]  # fmt: skip


def violations(frames: Frames, record: Record) -> pd.DataFrame:
    """One line a broken rule and patient: invariant, dataset, USUBJID; empty where all hold.

    The frames must have the columns and types of the dictionary.
    """
    found = [
        (rule, name, subject)
        for (name, rule), broken in checks(frames, record).items()
        for subject in dict.fromkeys(broken.index[broken.to_numpy(dtype=bool)])
    ]
    return pd.DataFrame(found, columns=["invariant", "dataset", "USUBJID"])


def checks(frames: Frames, record: Record) -> dict[tuple[str, str], pd.Series]:
    """For each data set and rule where it is broken, by USUBJID: one value a patient or a line."""
    table, known = patients(frames), printed(record)
    groups = [
        ("adsl", _subjects(table, record, known)),
        ("adtte", _times(table, known) | _lines(frames["adtte"])),
        ("adrs", _responses(table, record, known) | _visits(frames["adrs"], table)),
        ("adae", _events(frames["adae"], table)),
        *((name, _copies(frames[name], table, d.keys)) for name, d in datasets().items()),
    ]
    return {(name, rule): where for name, rules in groups for rule, where in rules.items()}


def patients(frames: Frames) -> pd.DataFrame:
    """One line a patient, by USUBJID: ADSL, and of each parameter its values as ``PFS.ADT``."""
    table = frames["adsl"].drop_duplicates("USUBJID").set_index("USUBJID")
    for name, columns in (
        ("adtte", ["STARTDT", "ADT", "AVAL", "CNSR", "EVNTDESC"]), ("adrs", ["ADT", "AVALC"]),
    ):  # fmt: skip
        frame = frames[name]
        codes = ("PFS", "OS", "DOR", "TTR", "TRTDUR") if name == "adtte" else ("BOR", "CB")
        for code in codes:
            lines = frame[frame["PARAMCD"] == code].drop_duplicates("USUBJID")
            table = table.join(lines.set_index("USUBJID")[columns].add_prefix(f"{code}."))
    seen = frames["adrs"][frames["adrs"]["PARAMCD"] == "OVRLRESP"]
    by = seen[seen["AVALC"].isin(list(RESPONSES))].groupby("USUBJID")["ADT"]
    progression = seen[seen["AVALC"] == "PD"].groupby("USUBJID")["ADT"]
    results = seen.groupby("USUBJID")["AVALC"]
    return table.assign(**{
        "visits.best": results.agg(lambda r: min(r, key=lambda x: RANK.get(x, -1))),
        "visits.first": by.min(), "visits.last": by.max(), "visits.PD": progression.min(),
        "visits.PDs": progression.size(),
    })  # fmt: skip


def _within(value: pd.Series, group: pd.Series) -> pd.Series:
    """Whether numbers, if any, lie in groups named like ``6 to <12 months`` or ``>=65 years``."""
    low = group.str.extract(r"(?:^|>=)(\d+)")[0].astype(float)
    high = group.str.extract(r"<(\d+)")[0].astype(float)
    return value.isna() | ((low.isna() | (value >= low)) & (high.isna() | (value < high)))


def _subjects(t: pd.DataFrame, record: Record, known: frozenset[str]) -> Broken:
    """Dates, treatment and baseline of the patients."""
    treated, told = t["SAFFL"] == "Y", "treatment" in known
    ongoing, reasons = t["EOTSTT"] == "ONGOING", bool(parts(record, "results", "not_treated"))
    died = t["DTHFL"] == "Y"
    dates = t[["RANDDT", "TRTSDT", "TRTEDT", "LSTALVDT", "DTHDT"]].max(axis=1)
    return {
        "random assignment lies between the record's first and last": ~t["RANDDT"].between(
            timeline(record, "first_randomized"), timeline(record, "last_randomized")
        ),
        "the cutoff is the record's": t["DCUTDT"] != timeline(record, "cutoff"),
        "nothing happens after the cutoff": dates > t["DCUTDT"],
        "nothing happens after death": died & (t[["TRTEDT", "LSTALVDT"]].max(axis=1) > t["DTHDT"]),
        "a date of death is there for those who died, and only for them": died
        != t["DTHDT"].notna(),
        "treatment starts on the day of random assignment, in treated patients only": (
            t["TRTSDT"].where(treated, t["RANDDT"]) != t["RANDDT"]
        )
        | (treated != t["TRTSDT"].notna())
        | (t["TRT01A"] != t["TRT01P"].where(treated, "")),
        "treatment ends after it starts, and lasts as long as stated": treated
        & told
        & ((t["TRTDURD"] != day_of(t["TRTEDT"], t["TRTSDT"])) | ~(t["TRTDURD"] >= 1)),
        "treatment that goes on lasts until the cutoff and has no reason to end": ongoing
        & ((t["TRTEDT"] != t["DCUTDT"]) | (t["DCTREAS"] != "") | died),
        "treatment that ended has a reason, and one never started another": (
            (t["EOTSTT"] == "DISCONTINUED") != (t["DCTREAS"] != "")
        )
        | (reasons & (treated == (t["NTRTRS"] != ""))),
        "age and duration of previous palbociclib lie in their groups": ~_within(
            t["AGE"], t["AGEGR1"]
        )
        | ~_within(t["PCDKDUR"], t["PCDKGR1"]),
        "ECOG performance status lies in its group": t["ECOGBL"].notna()
        & ((t["ECOGBL"] == 0) != (t["ECOGGR1"] == "0")),
        "previous endocrine therapy decides the present one": (t["PRIORET"] != "")
        & (t.groupby("PRIORET")["ETDRUG"].transform("nunique") > 1),
    }


def _times(t: pd.DataFrame, known: frozenset[str]) -> Broken:
    """Progression, death, response and treatment as times."""
    treated, died = t["SAFFL"] == "Y", t["DTHFL"] == "Y"
    responder = t["BOR.AVALC"].isin(list(RESPONSES))
    event, fatal = t["PFS.CNSR"] == 0, died & (t["PFS.ADT"] == t["DTHDT"])
    named = fatal.map({True: "Death", False: "Disease progression"})
    if "OS" not in known:
        named[:] = "Progression or death"
    dates = t[[c for c in t if str(c).endswith(".ADT")]].max(axis=1)
    return {
        "every patient has PFS and OS, treated ones a time on treatment, responders DOR and TTR": (
            t[["PFS.ADT", *(["OS.ADT"] if "OS" in known else [])]].isna().any(axis=1)
        )
        | ((treated & ("treatment" in known)) != t["TRTDUR.ADT"].notna())
        | (responder != t["DOR.ADT"].notna())
        | (responder != t["TTR.ADT"].notna()),
        "PFS is no longer than OS": t["PFS.ADT"] > t["OS.ADT"],
        "no event or censoring after the cutoff": dates > t["DCUTDT"],
        "no event or censoring after death": dates > t["DTHDT"],
        "OS ends with death on its date, otherwise censored": (died != (t["OS.CNSR"] == 0))
        | (died & (t["OS.ADT"] != t["DTHDT"]))
        | (("OS" in known) & (t["OS.ADT"] != t["LSTALVDT"])),
        "a PFS event on the day of death is the death, any other a progression": event
        & (t["PFS.EVNTDESC"] != named),
        "patients never treated are censored for PFS on the first day": ~treated
        & ((t["PFS.AVAL"] != 1) | event),
        "PFS starts at random assignment, OS with the first dose": (t["PFS.STARTDT"] != t["RANDDT"])
        | (("OS" in known) & (t["OS.STARTDT"] != t["TRTSDT"].fillna(t["RANDDT"]))),
        "response comes before progression": responder & (t["TTR.ADT"] >= t["PFS.ADT"]),
        "DOR runs from the response to the end of PFS, with its censoring": responder
        & (
            (t["DOR.STARTDT"] != t["TTR.ADT"])
            | (t["DOR.ADT"] != t["PFS.ADT"])
            | (t["DOR.CNSR"] != t["PFS.CNSR"])
        ),
        "time on treatment is that of ADSL, censored where treatment goes on": treated
        & ("treatment" in known)
        & (
            (t["TRTDUR.AVAL"] != t["TRTDURD"])
            | (t["TRTDUR.ADT"] != t["TRTEDT"])
            | ((t["TRTDUR.CNSR"] == 1) != (t["EOTSTT"] == "ONGOING"))
        ),
    }


def _responses(t: pd.DataFrame, record: Record, known: frozenset[str]) -> Broken:
    """Best response, benefit and visits against the times."""
    if "response" not in known:
        return {}
    response = t["BOR.AVALC"]
    responder = response.isin(list(RESPONSES))
    progression = t["PFS.EVNTDESC"].isin(["Disease progression", "Progression or death"])
    stable = (response == "SD") & (t["PFS.AVAL"] > benefit_days(record))
    return {
        "every patient has a best response and a clinical benefit": t[["BOR.AVALC", "CB.AVALC"]]
        .isna()
        .any(axis=1),
        "the best response is that of the visits": response != t["visits.best"].fillna("NE"),
        "the first visit that shows a response is the day of TTR": responder
        & ((t["visits.first"] != t["TTR.ADT"]) | (t["BOR.ADT"] != t["TTR.ADT"])),
        "a response is confirmed at least four weeks later": responder
        & ~((t["visits.last"] - t["visits.first"]).dt.days >= CONFIRMATION),
        "progression is seen once, on the day of the PFS event, and not otherwise": (
            progression != t["visits.PD"].notna()
        )
        | (progression & (t["visits.PD"] != t["PFS.ADT"]))
        | (t["visits.PDs"] > 1),
        "benefit is response, or stable disease for long enough": (t["CB.AVALC"] == "Y")
        != (responder | stable),
    }


def _lines(adtte: pd.DataFrame) -> Broken:
    frame = adtte.set_index("USUBJID")
    return {
        "AVAL is the number of days from STARTDT to ADT, at least 1": (
            frame["AVAL"] != day_of(frame["ADT"], frame["STARTDT"])
        )
        | (frame["AVAL"] < 1),
        "CNSR is 0 or 1, and censored times alone say why": ~frame["CNSR"].isin([0, 1])
        | ((frame["CNSR"] == 1) != (frame["CNSDTDSC"] != "")),
    }


def _visits(adrs: pd.DataFrame, table: pd.DataFrame) -> Broken:
    frame = adrs.set_index("USUBJID").join(table[["PFS.ADT", "RANDDT", "SAFFL"]], rsuffix=".adsl")
    visit = frame["PARAMCD"] == "OVRLRESP"
    return {
        "no visit before random assignment, after the end of PFS, or without treatment": visit
        & (
            (frame["ADT"] > frame["PFS.ADT"])
            | (frame["ADT"] < frame["RANDDT"])
            | (frame["SAFFL.adsl"] != "Y")
        ),
        "ADY is the day of ADT": frame["ADT"].notna()
        & (frame["ADY"] != day_of(frame["ADT"], frame["RANDDT"])),
    }


def _events(adae: pd.DataFrame, table: pd.DataFrame) -> Broken:
    own = ["TRTSDT", "TRTEDT", "DTHDT", "DCUTDT", "SAFFL"]
    frame = adae.set_index("USUBJID").join(table[own], rsuffix=".adsl")
    last = frame["TRTEDT.adsl"] + pd.Timedelta(days=SAFETY_WINDOW)
    ends = frame[["ASTDT", "AENDT"]].max(axis=1)
    fatal = frame["AETOXGRN"] == 5
    return {
        "adverse events in treated patients only": frame["SAFFL.adsl"] != "Y",
        "adverse events inside the treatment window": (frame["ASTDT"] < frame["TRTSDT.adsl"])
        | (ends > last),
        "no adverse event after the cutoff": ends > frame["DCUTDT"],
        "no adverse event after death": ends > frame["DTHDT"],
        "an adverse event ends after it starts; its days are those of its dates": (
            frame["AENDT"] < frame["ASTDT"]
        )
        | (frame["ASTDY"] != day_of(frame["ASTDT"], frame["TRTSDT.adsl"]))
        | (frame["AENDT"].notna() != frame["ADURN"].notna())
        | (
            frame["AENDT"].notna()
            & (
                (frame["AENDY"] != day_of(frame["AENDT"], frame["TRTSDT.adsl"]))
                | (frame["ADURN"] != day_of(frame["AENDT"], frame["ASTDT"]))
            )
        ),
        "an event of grade 5 is serious and ends with death": fatal
        & ((frame["AENDT"] != frame["DTHDT"]) | (frame["AESER"] != "Y") | (frame["AESDTH"] != "Y")),
        "grade is the same as text and number": frame["AETOXGR"] != frame["AETOXGRN"].astype(str),
    }


def _copies(frame: pd.DataFrame, table: pd.DataFrame, keys: tuple[str, ...]) -> Broken:
    """Lines of patients that ADSL has, once each, with ADSL's values."""
    own = [c for c in IN_ADSL if c in frame]
    theirs = table[own].reindex(frame["USUBJID"]).reset_index(drop=True)
    mine = frame[own].reset_index(drop=True)
    differ = ~((mine == theirs) | (mine.isna() & theirs.isna())).all(axis=1)
    twice = frame.duplicated(list(keys))
    return {
        "values of ADSL are the same in every data set": differ.set_axis(frame["USUBJID"]),
        "no line stands twice": twice.set_axis(frame["USUBJID"]),
        "every line is of a patient of ADSL": (~frame["USUBJID"].isin(table.index)).set_axis(
            frame["USUBJID"]
        ),
    }
