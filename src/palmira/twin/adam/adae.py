"""ADAE: the adverse events of the treated patients."""

from __future__ import annotations

import pandas as pd

from palmira.twin.adam.adsl import SHARED, flag, require, yes
from palmira.twin.adam.dictionary import datasets
from palmira.twin.adam.study_days import date_of, day_of

COLUMNS = ("patient", "term", "body", "grade", "start", "end", "serious", "related")
FATAL = 5


def adae(events: pd.DataFrame, adsl: pd.DataFrame) -> pd.DataFrame:
    """One line an event; ``patient`` is the row of ``adsl``, ``action`` may be left out.

    Raises ``ValueError`` for a column that is missing.
    """
    require(events, COLUMNS)
    own = adsl[[*SHARED, "TRT01A", "TRT01AN", "TRTSDT", "TRTEDT", "RANDDT"]]
    frame = events.reset_index(drop=True).join(own, on="patient")
    frame = frame.rename(columns={"TRT01A": "TRTA", "TRT01AN": "TRTAN", "body": "AECAT"})
    frame["AETERM"] = frame["AEDECOD"] = frame["term"]
    frame["AETOXGRN"] = frame["grade"].astype(int)
    frame["AETOXGR"] = frame["AETOXGRN"].astype(str)
    frame["AESER"], frame["AESDTH"] = flag(frame["serious"]), flag(frame["AETOXGRN"] == FATAL)
    frame["AEREL"] = yes(frame["related"]).map({True: "RELATED", False: "NOT RELATED"})
    frame["ASTDT"] = date_of(frame["RANDDT"], frame["start"])
    frame["AENDT"] = date_of(frame["RANDDT"], frame["end"])
    frame["ASTDY"] = day_of(frame["ASTDT"], frame["TRTSDT"])
    frame["AENDY"] = day_of(frame["AENDT"], frame["TRTSDT"])
    frame["ADURN"] = day_of(frame["AENDT"], frame["ASTDT"])
    frame["ADURU"] = frame["AENDT"].notna().map({True: "DAYS", False: ""})
    # An event without a stated action has none of note; the stage may leave all of them out.
    frame["AEACN"] = frame["action"].fillna("").str.upper() if "action" in frame else ""
    frame["TRTEMFL"] = "Y"
    order = ["USUBJID", "ASTDT", "AENDT", "AEDECOD", "AETOXGRN"]
    frame = frame.sort_values(order, kind="stable", ignore_index=True)
    frame["AESEQ"] = frame.groupby("USUBJID").cumcount() + 1
    frame["AOCCIFL"] = first_of_highest_grade(frame, ["USUBJID"])
    frame["AOCCPIFL"] = first_of_highest_grade(frame, ["USUBJID", "AEDECOD"])
    return datasets()["adae"].typed(frame)


def first_of_highest_grade(frame: pd.DataFrame, within: list[str]) -> pd.Series:
    """Y on the first line, in the frame's order, of the highest grade within a group."""
    highest = frame.groupby(within)["AETOXGRN"].idxmax()
    return pd.Series("", index=frame.index).mask(frame.index.isin(highest), "Y")
