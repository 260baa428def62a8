"""What many twins have in common and where they differ: the committed summary of the ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.record import Record
from palmira.record.files import read_json
from palmira.statistics.curve_quantities import quantities
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival_curves import of_arm
from palmira.twin.adam.store import ENSEMBLE, PROVENANCE

Array = NDArray[np.float64]
PARTS = ("low", "high", "pushed_low", "pushed_high")


@dataclass(frozen=True)
class Band:
    """Least and greatest height of an arm's curve over the twins by month, found at random and by
    directed search (NaN where nothing was searched)."""

    months: Array
    low: Array
    high: Array
    pushed_low: Array
    pushed_high: Array

    def at(self, month: float) -> dict[str, float]:
        """The four heights at a month of the grid. Raises ``ValueError`` between its months."""
        found = np.flatnonzero(np.isclose(self.months, month))
        if not len(found):
            raise ValueError(f"the grid of the ensemble has no month {month:g}")
        return {k: float(getattr(self, k)[found[0]]) for k in PARTS}


@dataclass(frozen=True)
class Range:
    """Least and greatest value of a quantity over the twins, at random and by directed search."""

    label: str
    unit: str
    low: float
    high: float
    pushed_low: float
    pushed_high: float


Searched = TypeVar("Searched", Band, Range)


@dataclass(frozen=True)
class Levels:
    """Bands of a factor's levels by category and arm, and of how many members they are."""

    members: int
    bands: dict[str, dict[str, Band]]


@dataclass(frozen=True)
class Spread:
    """An ensemble of one scale: its members, how many orders of events and censorings they have in
    each arm, each arm's band, those of each factor's levels, the range of each free quantity."""

    members: int
    orderings: dict[str, int]
    bands: dict[str, Band]
    levels: dict[str, Levels]
    ranges: dict[str, Range]

    def band(self, names: Mapping[str, str]) -> pd.DataFrame:
        """The bands as a tidy frame: arm (by its name in ``names``), month, low, high, pushed_low,
        pushed_high (shares free of the event)."""
        parts = [
            pd.DataFrame(
                {"arm": names[arm], "month": b.months, **{k: getattr(b, k) for k in PARTS}}
            )
            for arm, b in self.bands.items()
        ]
        return pd.concat(parts, ignore_index=True)


def spreads(path: Path = ENSEMBLE) -> dict[str, Spread]:
    """The ensemble of each scale ("full", "neutral")."""
    sheets = read_json(path, "make the ensemble again (make ensemble).")
    return {scale: _spread(sheet) for scale, sheet in sheets.items()}


def provenance(path: Path = PROVENANCE) -> dict[str, dict[str, Any]]:
    """Seed, scale and minutes of each committed twin, by scale."""
    return read_json(path, "make the twins again (make twin).")


def _spread(sheet: dict[str, Any]) -> Spread:
    months = np.array(sheet["months"], dtype=float)
    bands = _bands(sheet["arms"], months)
    levels = {
        factor: Levels(found["members"], {c: _bands(a, months) for c, a in found["bands"].items()})
        for factor, found in sheet["levels"].items()
    }
    ranges = {
        name: Range(q["label"], q["unit"], *(_number(q.get(k)) for k in PARTS))
        for name, q in sheet["quantities"].items()
    }
    return Spread(sheet["members"], sheet["orderings"], bands, levels, ranges)


def _bands(arms: dict[str, Any], months: Array) -> dict[str, Band]:
    return {
        arm: Band(months, *(_heights(heights.get(k), len(months)) for k in PARTS))
        for arm, heights in arms.items()
    }


def _heights(values: list[float | None] | None, n: int) -> Array:
    return np.array([_number(v) for v in values or [None] * n])


def _number(value: float | None) -> float:
    return nan if value is None else float(value)


def joined(spread: Spread, patients: pd.DataFrame, record: Record) -> Spread:
    """The ranges of an ensemble with one more twin in them: what is shown beside its curve.

    ``patients`` has columns arm, time (days) and event. The ranges can only grow; the counts of
    members and orders stay those of the ensemble.
    """
    own = quantities(patients, *record.two_arms()) if spread.ranges else {}
    bands = {}
    for arm, band in spread.bands.items():
        curve = of_arm(patients, arm)
        bands[arm] = _grown(band, np.array([curve.at(m * DAYS_PER_MONTH) for m in band.months]))
    ranges = {name: _grown(range, own[name].value) for name, range in spread.ranges.items()}
    return replace(spread, bands=bands, ranges=ranges)


def joined_level(
    spread: Spread, patients: pd.DataFrame, record: Record, factor: str, category: str
) -> Spread:
    """The bands of one level of a factor, with that level of one more twin in them; no ranges.

    ``patients`` has columns arm, time and event, of the patients at the level.
    """
    alone = replace(spread, bands=spread.levels[factor].bands[category], ranges={})
    return joined(alone, patients, record)


def _grown(found: Searched, own: Any) -> Searched:
    """With a value, or heights, of one more twin; what was not searched stays unknown (NaN)."""
    bound = {"low": np.minimum, "high": np.maximum}
    ends = {part: bound[part.removeprefix("pushed_")](getattr(found, part), own) for part in PARTS}
    return replace(found, **ends)
