"""ADTTE: progression-free and overall survival, response and treatment as times in days."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from palmira.twin.adam.adsl import SHARED, require, stacked, yes
from palmira.twin.adam.dictionary import datasets
from palmira.twin.adam.study_days import date_of, day_of

COLUMNS = ("pfs", "pfs_event")
RESPONSES = {"CR": "Complete response", "PR": "Partial response"}
OWN = [*SHARED, "ITTFL", "STRAT1R", "STRAT2R"]


def progressed(patients: pd.DataFrame) -> pd.Series:
    """True where the PFS event is a progression; one on the day of death is the death."""
    event = yes(patients["pfs_event"])
    if "died" not in patients:
        return event
    return event & ~(yes(patients["died"]) & (patients["os"] == patients["pfs"]))


def adtte(patients: pd.DataFrame, adsl: pd.DataFrame) -> pd.DataFrame:
    """One line a patient and parameter; ``patients`` and ``adsl`` line up row by row.

    No parameters of the stages that ``patients`` have not gone through. Raises ``ValueError`` for a
    column that is missing.
    """
    require(patients, COLUMNS)
    patients = patients.reset_index(drop=True)
    made = {"PFS": _pfs(patients, adsl), "TRTDUR": _trtdur(adsl)[adsl["TRTEDT"].notna()]}
    if "os" in patients:
        made["OS"] = _os(patients, adsl)
    if "response" in patients:
        responders = patients["response"].isin(list(RESPONSES))
        made["DOR"] = _dor(patients, adsl)[responders]
        made["TTR"] = _ttr(patients, adsl)[responders]
    dataset = datasets()["adtte"]
    own = {code: part.join(adsl[OWN]) for code, part in made.items()}
    frame = stacked(dataset, own, ("USUBJID", "PARAMCD"))
    frame["AVAL"], frame["AVALU"] = day_of(frame["ADT"], frame["STARTDT"]), "DAYS"
    return dataset.typed(frame)


class Words(NamedTuple):
    """What describes an event, a time without one, and where that is censored."""

    happened: npt.ArrayLike
    otherwise: npt.ArrayLike
    censored_at: npt.ArrayLike


def _times(start: pd.Series, date: pd.Series, event: pd.Series, words: Words) -> pd.DataFrame:
    """Origin, date, censoring and its words."""
    described = np.where(event, words.happened, words.otherwise)
    censored = np.where(event, "", words.censored_at)
    columns = {"STARTDT": start, "ADT": date, "CNSR": (~event).astype(int)}
    return pd.DataFrame(columns | {"EVNTDESC": described, "CNSDTDSC": censored})


def _pfs(patients: pd.DataFrame, adsl: pd.DataFrame) -> pd.DataFrame:
    """From random assignment; without an evaluable assessment censored at the last contact."""
    treated = adsl["SAFFL"] == "Y"
    happened = np.where(progressed(patients), "Disease progression", "Death")
    if "died" not in patients:
        happened = np.full(len(patients), "Progression or death")
    otherwise = np.where(treated, "No progression or death", "Not treated")
    seen = patients["response"] != "NE" if "response" in patients else False
    at = np.select([~treated, seen], ["Random assignment", "Last tumor assessment"], "Last contact")
    date = date_of(adsl["RANDDT"], patients["pfs"])
    words = Words(happened, otherwise, at)
    return _times(adsl["RANDDT"], date, yes(patients["pfs_event"]), words)


def _os(patients: pd.DataFrame, adsl: pd.DataFrame) -> pd.DataFrame:
    """From the first dose, which is the day of random assignment; without one, from that day."""
    start = adsl["TRTSDT"].fillna(adsl["RANDDT"])
    date = date_of(start, patients["os"])
    at = np.where(date == adsl["DCUTDT"], "Data cutoff", "Last contact")
    return _times(start, date, yes(patients["died"]), Words("Death", "Alive", at))


def _dor(patients: pd.DataFrame, adsl: pd.DataFrame) -> pd.DataFrame:
    """From the day of response to the end of PFS, with its censoring."""
    pfs = _pfs(patients, adsl)
    return pfs.assign(STARTDT=date_of(adsl["RANDDT"], patients["response_day"]))


def _ttr(patients: pd.DataFrame, adsl: pd.DataFrame) -> pd.DataFrame:
    """From random assignment to the first day of response."""
    date = date_of(adsl["RANDDT"], patients["response_day"])
    event, words = pd.Series(True, adsl.index), Words(patients["response"].map(RESPONSES), "", "")
    return _times(adsl["RANDDT"], date, event, words)


def _trtdur(adsl: pd.DataFrame) -> pd.DataFrame:
    """From the first to the last dose; censored where treatment goes on."""
    words = Words(adsl["DCTREAS"].str.capitalize(), "On treatment", "Data cutoff")
    return _times(adsl["TRTSDT"], adsl["TRTEDT"], adsl["EOTSTT"] != "ONGOING", words)
