"""What must hold between the synthetic data sets, whatever the search did."""

from __future__ import annotations

import pandas as pd

from palmira.record import Record
from palmira.twin.adam import study_days
from palmira.twin.adam.adtte import RESPONSES
from palmira.twin.adam.dictionary import datasets, parts
from palmira.twin.adam.study_days import CONFIRMATION, SAFETY_WINDOW, day_of
from palmira.twin.facts import printed

Frames = dict[str, pd.DataFrame]
Broken = dict[str, pd.Series]
RANK = {result: rank for rank, result in enumerate(["CR", "PR", "SD", "PD", "NE"])}
# Variables of ADSL that other data sets repeat.
REPEATED = ("TRT01P", "TRT01PN", "ITTFL", "SAFFL", "MEASFL", "STRAT1R", "STRAT2R")
IN_ADSL = (*REPEATED, "TRTSDT", "TRTEDT")
# Columns of a parameter's lines that the rules ask for, and the parameters, by data set.
ASKED = {
    "adtte": (
        ["STARTDT", "ADT", "AVAL", "CNSR", "EVNTDESC"],
        ("PFS", "OS", "DOR", "TTR", "TRTDUR"),
    ),
    "adrs": (["ADT", "AVALC"], ("BOR", "CB")),
}
# Columns that are to equal others, of responders and of treated patients.
SAME_RESPONSE = {"DOR.STARTDT": "TTR.ADT", "DOR.ADT": "PFS.ADT", "DOR.CNSR": "PFS.CNSR"}
SAME_FIRST = {"visits.first": "TTR.ADT", "BOR.ADT": "TTR.ADT"}
SAME_TREATMENT = {"TRTDUR.AVAL": "TRTDURD", "TRTDUR.ADT": "TRTEDT"}


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
    for name, (columns, codes) in ASKED.items():
        for code in codes:
            mine = frames[name]["PARAMCD"] == code
            lines = frames[name][mine].drop_duplicates("USUBJID").set_index("USUBJID")
            table = table.join(lines[columns].add_prefix(f"{code}."))
    seen = frames["adrs"][frames["adrs"]["PARAMCD"] == "OVRLRESP"]
    results = seen.groupby("USUBJID")["AVALC"]
    dates = seen.set_index("USUBJID")["ADT"]
    shown = seen["AVALC"].set_axis(dates.index)
    response = dates[shown.isin(list(RESPONSES))].groupby("USUBJID")
    progression = dates[shown == "PD"].groupby("USUBJID")
    table["visits.best"] = results.agg(lambda r: min(r, key=lambda x: RANK.get(x, -1)))
    table["visits.first"], table["visits.last"] = response.min(), response.max()
    table["visits.PD"], table["visits.PDs"] = progression.min(), progression.size()
    return table


def _differ(table: pd.DataFrame, equal: dict[str, str]) -> pd.Series:
    """Where one of some columns is not as the one that it is to equal."""
    return pd.concat([table[a] != table[b] for a, b in equal.items()], axis=1).any(axis=1)


def _within(value: pd.Series, group: pd.Series) -> pd.Series:
    """Whether numbers, if any, lie in groups named like ``6 to <12 months`` or ``>=65 years``."""
    low = group.str.extract(r"(?:^|>=)(\d+)")[0].astype(float)
    high = group.str.extract(r"<(\d+)")[0].astype(float)
    return value.isna() | ((low.isna() | (value >= low)) & (high.isna() | (value < high)))


def _subjects(t: pd.DataFrame, record: Record, known: frozenset[str]) -> Broken:
    """Dates, treatment and baseline of the patients."""
    treated, died, ongoing = t["SAFFL"] == "Y", t["DTHFL"] == "Y", t["EOTSTT"] == "ONGOING"
    dates = t[["RANDDT", "TRTSDT", "TRTEDT", "LSTALVDT", "DTHDT"]].max(axis=1)
    assigned = t["RANDDT"].between(
        *(study_days.timeline(record, f"{x}_randomized") for x in ("first", "last"))
    )
    started = t["TRTSDT"].notna() & (t["TRTSDT"] == t["RANDDT"])
    as_treated = t["TRT01A"] == t["TRT01P"].where(treated, "")
    lasts = (t["TRTDURD"] == day_of(t["TRTEDT"], t["TRTSDT"])) & (t["TRTDURD"] >= 1)
    open_end = (t["TRTEDT"] == t["DCUTDT"]) & (t["DCTREAS"] == "") & ~died
    unexplained = (t["EOTSTT"] == "DISCONTINUED") != (t["DCTREAS"] != "")
    if parts(record, "results", "not_treated"):
        unexplained |= treated == (t["NTRTRS"] != "")
    grouped = _within(t["AGE"], t["AGEGR1"]) & _within(t["PCDKDUR"], t["PCDKGR1"])
    therapies = t.groupby("PRIORET")["ETDRUG"].transform("nunique")
    return {
        "random assignment lies between the record's first and last": ~assigned,
        "the cutoff is the record's": t["DCUTDT"] != study_days.timeline(record, "cutoff"),
        "nothing happens after the cutoff": dates > t["DCUTDT"],
        "nothing happens after death": died & (t[["TRTEDT", "LSTALVDT"]].max(axis=1) > t["DTHDT"]),
        "a date of death is there for those who died, and only for them": (
            died != t["DTHDT"].notna()
        ),
        "treatment starts on the day of random assignment, in treated patients only": (
            (treated != started) | (~treated & t["TRTSDT"].notna()) | ~as_treated
        ),
        "treatment ends after it starts, and lasts as long as stated": (
            treated & ("treatment" in known) & ~lasts
        ),
        "treatment that goes on lasts until the cutoff and has no reason to end": (
            ongoing & ~open_end
        ),
        "treatment that ended has a reason, and one never started another": unexplained,
        "age and duration of previous palbociclib lie in their groups": ~grouped,
        "ECOG performance status lies in its group": (
            t["ECOGBL"].notna() & ((t["ECOGBL"] == 0) != (t["ECOGGR1"] == "0"))
        ),
        "previous endocrine therapy decides the present one": (t["PRIORET"] != "")
        & (therapies > 1),
    }


def _times(t: pd.DataFrame, known: frozenset[str]) -> Broken:
    """Progression, death, response and treatment as times."""
    treated, died, event = t["SAFFL"] == "Y", t["DTHFL"] == "Y", t["PFS.CNSR"] == 0
    on_treatment, survival = treated & ("treatment" in known), "OS" in known
    responder = t["BOR.AVALC"].isin(list(RESPONSES))
    fatal = died & (t["PFS.ADT"] == t["DTHDT"])
    named = fatal.map({True: "Death", False: "Disease progression"})
    if not survival:
        named[:] = "Progression or death"
    dates = t[[c for c in t if str(c).endswith(".ADT")]].max(axis=1)
    absent = t["PFS.ADT"].isna() | (survival & t["OS.ADT"].isna())
    absent |= on_treatment != t["TRTDUR.ADT"].notna()
    absent |= (responder != t["DOR.ADT"].notna()) | (responder != t["TTR.ADT"].notna())
    wrong_end = (died != (t["OS.CNSR"] == 0)) | (died & (t["OS.ADT"] != t["DTHDT"]))
    wrong_start = t["PFS.STARTDT"] != t["RANDDT"]
    if survival:
        wrong_end |= t["OS.ADT"] != t["LSTALVDT"]
        wrong_start |= t["OS.STARTDT"] != t["TRTSDT"].fillna(t["RANDDT"])
    response = _differ(t, SAME_RESPONSE)
    treatment = _differ(t, SAME_TREATMENT)
    treatment |= (t["TRTDUR.CNSR"] == 1) != (t["EOTSTT"] == "ONGOING")
    return {
        "every patient has PFS and OS, treated ones a time on treatment, responders DOR and TTR": (
            absent
        ),
        "PFS is no longer than OS": t["PFS.ADT"] > t["OS.ADT"],
        "no event or censoring after the cutoff": dates > t["DCUTDT"],
        "no event or censoring after death": dates > t["DTHDT"],
        "OS ends with death on its date, otherwise censored": wrong_end,
        "a PFS event on the day of death is the death, any other a progression": (
            event & (t["PFS.EVNTDESC"] != named)
        ),
        "patients never treated are censored for PFS on the first day": (
            ~treated & ((t["PFS.AVAL"] != 1) | event)
        ),
        "PFS starts at random assignment, OS with the first dose": wrong_start,
        "response comes before progression": responder & (t["TTR.ADT"] >= t["PFS.ADT"]),
        "DOR runs from the response to the end of PFS, with its censoring": responder & response,
        "time on treatment is that of ADSL, censored where treatment goes on": (
            on_treatment & treatment
        ),
    }


def _responses(t: pd.DataFrame, record: Record, known: frozenset[str]) -> Broken:
    """Best response, benefit and visits against the times."""
    if "response" not in known:
        return {}
    response = t["BOR.AVALC"]
    responder = response.isin(list(RESPONSES))
    progression = t["PFS.EVNTDESC"].isin(["Disease progression", "Progression or death"])
    stable = (response == "SD") & (t["PFS.AVAL"] > study_days.benefit_days(record))
    confirmed = (t["visits.last"] - t["visits.first"]).dt.days >= CONFIRMATION
    seen = (t["visits.PD"] == t["PFS.ADT"]) & (t["visits.PDs"] <= 1)
    return {
        "every patient has a best response and a clinical benefit": (
            response.isna() | t["CB.AVALC"].isna()
        ),
        "the best response is that of the visits": response != t["visits.best"].fillna("NE"),
        "the first visit that shows a response is the day of TTR": (
            responder & _differ(t, SAME_FIRST)
        ),
        "a response is confirmed at least four weeks later": responder & ~confirmed,
        "progression is seen once, on the day of the PFS event, and not otherwise": (
            (progression & ~seen) | (~progression & t["visits.PD"].notna())
        ),
        "benefit is response, or stable disease for long enough": (
            (t["CB.AVALC"] == "Y") != (responder | stable)
        ),
    }


def _lines(adtte: pd.DataFrame) -> Broken:
    frame = adtte.set_index("USUBJID")
    counted = (frame["AVAL"] == day_of(frame["ADT"], frame["STARTDT"])) & (frame["AVAL"] >= 1)
    coded = frame["CNSR"].isin([0, 1]) & ((frame["CNSR"] == 1) == (frame["CNSDTDSC"] != ""))
    return {
        "AVAL is the number of days from STARTDT to ADT, at least 1": ~counted,
        "CNSR is 0 or 1, and censored times alone say why": ~coded,
    }


def _visits(adrs: pd.DataFrame, table: pd.DataFrame) -> Broken:
    frame = adrs.set_index("USUBJID").join(table[["PFS.ADT", "RANDDT", "SAFFL"]], rsuffix=".adsl")
    visit, date = frame["PARAMCD"] == "OVRLRESP", frame["ADT"]
    outside = (date > frame["PFS.ADT"]) | (date < frame["RANDDT"]) | (frame["SAFFL.adsl"] != "Y")
    wrong_day = date.notna() & (frame["ADY"] != day_of(date, frame["RANDDT"]))
    return {
        "no visit before random assignment, after the end of PFS, or without treatment": (
            visit & outside
        ),
        "ADY is the day of ADT": wrong_day,
    }


def _events(adae: pd.DataFrame, table: pd.DataFrame) -> Broken:
    own = ["TRTSDT", "TRTEDT", "DTHDT", "DCUTDT", "SAFFL"]
    frame = adae.set_index("USUBJID").join(table[own], rsuffix=".adsl")
    first, last = frame["TRTSDT.adsl"], frame["TRTEDT.adsl"] + pd.Timedelta(days=SAFETY_WINDOW)
    start, end = frame["ASTDT"], frame["AENDT"]
    latest, ended = frame[["ASTDT", "AENDT"]].max(axis=1), end.notna()
    fatal = frame["AETOXGRN"] == 5
    wrong_day = (end < start) | (frame["ASTDY"] != day_of(start, first))
    wrong_day |= ended != frame["ADURN"].notna()
    wrong_day |= ended & (frame["AENDY"] != day_of(end, first))
    wrong_day |= ended & (frame["ADURN"] != day_of(end, start))
    said = (end == frame["DTHDT"]) & (frame["AESER"] == "Y") & (frame["AESDTH"] == "Y")
    return {
        "adverse events in treated patients only": frame["SAFFL.adsl"] != "Y",
        "adverse events inside the treatment window": (start < first) | (latest > last),
        "no adverse event after the cutoff": latest > frame["DCUTDT"],
        "no adverse event after death": latest > frame["DTHDT"],
        "an adverse event ends after it starts; its days are those of its dates": wrong_day,
        "an event of grade 5 is serious and ends with death": fatal & ~said,
        "grade is the same as text and number": frame["AETOXGR"] != frame["AETOXGRN"].astype(str),
    }


def _copies(frame: pd.DataFrame, table: pd.DataFrame, keys: tuple[str, ...]) -> Broken:
    """Lines of patients that ADSL has, once each, with ADSL's values."""
    subjects = frame["USUBJID"]
    mine = frame[[c for c in IN_ADSL if c in frame]].set_axis(subjects)
    theirs = table[mine.columns].reindex(subjects)
    same = (mine == theirs) | (mine.isna() & theirs.isna())
    return {
        "values of ADSL are the same in every data set": ~same.all(axis=1),
        "no line stands twice": frame.duplicated(list(keys)).set_axis(subjects),
        "every line is of a patient of ADSL": (~subjects.isin(table.index)).set_axis(subjects),
    }
