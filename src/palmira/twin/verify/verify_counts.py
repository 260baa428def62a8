"""Counts of the twin's data sets: baseline, disposition, adverse events, exposure."""

from __future__ import annotations

from math import nan

import numpy as np
import pandas as pd

from palmira.audit.margins import grades
from palmira.record.entries import Entry
from palmira.record.printed import parse_date
from palmira.twin.adam.analysis_set import VARIABLES, AnalysisSet, plain
from palmira.twin.targets.target import Target

QUANTILES = {"minimum": 0.0, "q1": 0.25, "median": 0.5, "value": 0.5, "q3": 0.75, "maximum": 1.0}
FLAGS = {
    "dose.reduced": ("DOSREDFL", "Y"),
    "dose.interrupted": ("DOSINTFL", "Y"),
    "discontinued": ("DCTREAS", "ADVERSE EVENT"),
    "treated": ("SAFFL", "Y"),
    "not_treated": ("SAFFL", "N"),
    "on_treatment": ("EOTSTT", "ONGOING"),
}


class Counts:
    """Numbers of patients, and medians of what was measured once, of one twin."""

    def __init__(self, data: AnalysisSet) -> None:
        self.data = data
        events = data.frames["adae"]
        events = events[events["TRTEMFL"] == "Y"]
        # Highest grade by patient, of any event and of each class and term.
        self._worst = {("any", ""): events.groupby("USUBJID")["AETOXGRN"].max()}
        for kind, variable in {"class": "AECAT", "term": "AEDECOD"}.items():
            for name, lines in events.groupby(events[variable].str.lower()):
                self._worst[kind, str(name)] = lines.groupby("USUBJID")["AETOXGRN"].max()
        self._events = events
        self._classes = {row.within for block in data.record.sheet.blocks for row in block.rows}

    def number(self, target: Target) -> float:
        """The number that the data sets give for a target of this module's kinds."""
        e = target.of
        here = self.data.about(e)
        if target.kind == "date":
            return self._date(e)
        if e.part in QUANTILES:
            values = self.data.patients.loc[here, self._measured(e)].astype(float).dropna()
            return float(values.quantile(QUANTILES[e.part])) if len(values) else nan
        if e.unit == "events":
            lines = self._events["USUBJID"].isin(here.index[here])
            return float((lines & self._serious_related()).sum())
        count = float(np.count_nonzero(self._counted(e).to_numpy() & here.to_numpy()))
        if e.part != "percent":
            return count
        return 100 * count / float(here.sum()) if here.any() else nan

    def _measured(self, e: Entry) -> str:
        """Variable of a median: a factor's, or the relative dose intensity of a drug."""
        if e.factor:
            return VARIABLES[e.factor]
        arm = e.row.rpartition(".")[2]
        return "RDI" if self.data.record.roles.get(arm) == "experimental" else "RDIET"

    def _counted(self, e: Entry) -> pd.Series:
        """Which patients a number counts, in whatever arm."""
        patients = self.data.patients
        if e.term:
            return self._graded(e)
        if e.factor:
            return self.data.level(e.factor, e.category)
        if e.row in FLAGS:
            variable, value = FLAGS[e.row]
            return patients[variable] == value
        if e.row.startswith("not_treated."):
            return patients["NTRTRS"] == plain(e.label)
        if e.row == "randomized":
            return pd.Series(True, patients.index)
        events = self._events
        lines = {
            "serious": events["AESER"] == "Y",
            "serious_related": self._serious_related(),
            "deaths": events["AETOXGRN"] == 5,
            "related_deaths": (events["AETOXGRN"] == 5) & (events["AEREL"] == "RELATED"),
        }[e.row]
        return pd.Series(patients.index.isin(events.loc[lines, "USUBJID"]), patients.index)

    def _serious_related(self) -> pd.Series:
        return (self._events["AESER"] == "Y") & (self._events["AEREL"] == "RELATED")

    def _graded(self, e: Entry) -> pd.Series:
        """Which patients have a term, class or any event with its highest grade in a span.

        A class is a row that others are ``within``; a row of classes holds any event.
        """
        index = self.data.patients.index
        span = grades(str(e.grade))
        if span is None:
            raise ValueError(f"{e.id}: {e.grade!r} is no grade")
        term = plain(str(e.term)).lower()
        kind = "any" if term == "any" else "class" if e.row in self._classes else "term"
        worst = self._worst.get((kind, "" if kind == "any" else term))
        if worst is None:
            return pd.Series(False, index)
        worst = worst[worst.between(int(span[0]), int(span[1]))]
        return pd.Series(index.isin(worst.index), index)

    def _date(self, e: Entry) -> float:
        """First or last random assignment as a number of days; a month alone is its first day."""
        dates = pd.to_datetime(self.data.patients["RANDDT"])
        date = dates.min() if "first" in e.row else dates.max()
        if date.strftime("%B %Y") == e.text:
            return float(parse_date(e.text).toordinal())
        return float(date.toordinal())
