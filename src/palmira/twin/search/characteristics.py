"""Baseline characteristics of each patient: all of the table that describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.schema import RecordError
from palmira.twin.facts import Ints, bounds, draw, ids, levels, totals, where
from palmira.twin.search.medians import Interval, values_on_medians

# Column by factor of the record, for factors that stand in relation to nothing else.
PLAIN = {
    "Ethnicity": "ethnicity",
    "Hormone receptor status": "receptor",
    "De novo advanced breast cancer": "de_novo",
    "Last palbociclib dose": "last_dose",
}
ECOG, VISCERAL = "ECOG performance status", "Visceral involvement"
THERAPY, PRIOR_THERAPY = "Endocrine therapy", "Previous ET"
DURATION = "Duration of first-line palbociclib"
# Columns of values: the factor that has the median, the factor by which patients are grouped.
VALUES = {"age": ("Age", "Age"), "prior_duration": ("Duration of previous palbociclib", DURATION)}
# Factors with groups; the first stage has dealt those that have events by group.
GROUPS = ("Age", THERAPY, ECOG, "Metastatic sites", VISCERAL, DURATION)
SETTING, ADJUVANT = "Setting of previous palbociclib", "Adjuvant setting"
PRIOR_RESPONSE = "Best response to previous palbociclib"
MENOPAUSE, BEFORE = "Menopausal status", "Premenopausal"
# Years below which a woman may well be premenopausal; common knowledge, not the record's.
MENOPAUSE_BY = 55


def characteristics(
    record: Record, patients: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Adds the columns of the baseline table: each level's number in each arm, and the medians.

    Categories are the record's texts. What the earlier stages have fixed is kept: age and duration
    of previous palbociclib lie in the patient's group, performance status 0 and previous endocrine
    therapy follow from the factors of the subgroup figure, liver metastases (printed in total) are
    dealt to patients with visceral involvement. Premenopausal patients are young, and previous
    palbociclib in the adjuvant setting is not that of a patient who presented with advanced
    disease. Factors that the record lacks give no column. Raises ``RecordError`` naming the entries
    where numbers cannot hold together.
    """
    out = patients.copy()
    dealer = Dealer(record, out, rng)
    for factor in GROUPS:
        if factor not in out:
            dealer.deal(factor, factor)
    for column, (factor, group) in VALUES.items():
        ends = [bounds(str(c)) for c in out[group]] if group in out else [(-np.inf, np.inf)]
        low, below = np.broadcast_to(np.array(ends, dtype=float), (len(out), 2)).T
        values = values_on_medians(record, factor, out["arm"].to_numpy(), Interval(low, below), rng)
        if values is not None:
            out[column] = values.astype(int) if column == "age" else values
    for factor, column in PLAIN.items():
        dealer.deal(factor, column)
    if "age" in out:
        young = np.where(out["age"] < MENOPAUSE_BY, 1e6, 1 / out["age"])
        dealer.deal(MENOPAUSE, "menopause", {BEFORE: young})
    first = np.where(out["de_novo"] == "Yes", 0, 1.0) if "de_novo" in out else np.ones(len(out))
    dealer.deal(SETTING, "prior_setting", {ADJUVANT: first})
    if "prior_setting" in out:
        treated_before = where(out["prior_setting"] != ADJUVANT)
        dealer.deal(PRIOR_RESPONSE, "prior_response", among=treated_before)
    _mirror(record, out)
    _performance(record, out, rng)
    _liver(record, out, rng)
    return out


@dataclass(frozen=True)
class Dealer:
    """Deals levels of factors to the patients of a frame at random."""

    record: Record
    patients: pd.DataFrame
    rng: np.random.Generator

    def deal(
        self,
        factor: str,
        column: str,
        weights: Mapping[str, NDArray[np.float64]] | None = None,
        among: Ints | None = None,
    ) -> None:
        """Add a column with the levels of a factor, as many in each arm as printed.

        ``weights`` by level say who is likelier to have it (dealt first), ``among`` who has any
        level at all. Adds none where an arm has none in print; raises ``RecordError`` where the
        levels do not add up to the patients.
        """
        n, weights = len(self.patients), weights or {}
        pool = np.arange(n) if among is None else among
        text = np.full(n, None, dtype=object)
        for arm in self.record.two_arms():
            entries = levels(self.record, factor, arm)
            if not entries:
                return
            mine = pool[(self.patients["arm"] == arm).to_numpy()[pool]]
            if sum(int(e.value) for e in entries.values()) != len(mine):
                raise RecordError(
                    f"{ids(*entries.values())}: the levels do not add up to {len(mine)} patients. "
                    "Mend: correct one of them."
                )
            for level in sorted(entries, key=lambda c: c not in weights):
                weight = weights.get(level, np.ones(n))[mine]
                taken = draw(self.rng, mine, int(entries[level].value), weight)
                text[taken] = level
                mine = np.setdiff1d(mine, taken)
        self.patients[column] = text


def _mirror(record: Record, out: pd.DataFrame) -> None:
    """Previous endocrine therapy, by which the therapy of the trial was chosen: the levels of the
    two factors answer each other, other drug for other drug, with the same numbers in each arm."""
    arms = record.two_arms()
    before = {a: levels(record, PRIOR_THERAPY, a) for a in arms}
    if THERAPY not in out or not all(before.values()):
        return
    now = out.groupby([THERAPY, "arm"], sort=True).size()
    pairs: dict[str, str] = {}
    for therapy in out[THERAPY].unique():
        for level in before[arms[0]]:
            same = all(int(before[a][level].value) == now.get((therapy, a), 0) for a in arms)
            if same and level != therapy and level not in pairs.values():
                pairs.setdefault(str(therapy), level)
    entries: list[Entry] = [e for a in arms for e in before[a].values()]
    if len(pairs) < out[THERAPY].nunique():
        raise RecordError(
            f"{ids(*entries)}: not the numbers of the factor {THERAPY}, as they should be where "
            "previous therapy decides. Mend: correct one of them."
        )
    out["prior_et"] = out[THERAPY].map(pairs)


def _performance(record: Record, out: pd.DataFrame, rng: np.random.Generator) -> None:
    """Performance status by number: 0, or 1 and as many of 2 as the record has."""
    if ECOG not in out:
        return
    status = np.where(out[ECOG] == "0", "0", "1").astype(object)
    for arm in record.two_arms():
        for entry in record.where(factor=ECOG, category="2", arm=arm, part="count"):
            pool = where((out["arm"] == arm) & (out[ECOG] != "0"))
            if entry.value > len(pool):
                raise RecordError(f"{ids(entry)}: more than status 1 or more. Mend: correct it.")
            status[rng.permutation(pool)[: int(entry.value)]] = "2"
    out["ecog"] = status


def _liver(record: Record, out: pd.DataFrame, rng: np.random.Generator) -> None:
    """Liver metastases: only with visceral involvement, rather in measurable disease."""
    for name in totals(record):
        for entry in levels(record, "Liver metastases", name).values():
            if entry.category != "Yes":
                continue
            pool = where(out[VISCERAL] == "Yes") if VISCERAL in out else np.arange(len(out))
            if entry.value > len(pool):
                raise RecordError(
                    f"{ids(entry)}: more than the {len(pool)} patients with visceral involvement. "
                    "Mend: correct one of the numbers."
                )
            measurable = out.get("measurable", pd.Series(True, index=out.index)).to_numpy()[pool]
            chosen_ones = draw(rng, pool, int(entry.value), np.where(measurable, 3.0, 1.0))
            liver = np.zeros(len(out), dtype=bool)
            liver[chosen_ones] = True
            out["liver"] = liver
