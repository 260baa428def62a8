"""Balance of the arms at baseline, and what randomization alone does to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import comb, inf, sqrt

import numpy as np
import pandas as pd
from scipy.stats import hypergeom, norm

from palmira.entries import Entry
from palmira.record import Record

# The usual mark of a standardized difference worth a look (Austin 2009), made for large studies.
CONVENTION = 0.1


def standardized_difference(count: int, n: int, control_count: int, control_n: int) -> float:
    """Standardized difference of two proportions (Austin, Commun Stat 2009;38:1228).

    Positive where the share is larger in the experimental arm; 0 where both arms agree; infinite
    where everybody in one arm and nobody in the other has the characteristic.
    """
    p, q = count / n, control_count / control_n
    spread = (p * (1 - p) + q * (1 - q)) / 2
    if p == q:
        return 0.0
    return (p - q) / sqrt(spread) if spread > 0 else inf * (p - q)


def smd_of_means(patients: pd.DataFrame, variable: str) -> float:
    """Standardized difference of two means (Austin, Stat Med 2009;28:3083) of a variable of ADSL.

    Positive where the mean is larger in the experimental arm (TRT01PN 1). Raises ``ValueError``
    where the values do not vary within the arms.
    """
    one, other = (patients.loc[patients["TRT01PN"] == n, variable].astype(float) for n in (1, 2))
    spread = sqrt((one.var() + other.var()) / 2)
    if not spread > 0:
        raise ValueError(f"{variable}: no spread within the arms")
    return float(one.mean() - other.mean()) / spread


def chance_limit(n: float, control_n: float, level: float = 95.0) -> float:
    """Half-width of the range in which randomization alone keeps a standardized difference.

    Its standard deviation under simple randomization is close to sqrt(1/n1 + 1/n2); a stratified
    factor varies less.
    """
    return float(norm.ppf(0.5 + level / 200)) * sqrt(1 / n + 1 / control_n)


def chance_beyond(threshold: float, n: float, control_n: float) -> float:
    """Probability that randomization alone takes a factor's |SMD| beyond ``threshold``."""
    return float(2 * norm.sf(threshold / sqrt(1 / n + 1 / control_n)))


def chance_range(total: int, n: int, control_n: int, level: float = 95.0) -> tuple[float, float]:
    """Exact central range of the standardized difference under simple randomization.

    Given arms of ``n`` and ``control_n`` patients, ``total`` of whom have the characteristic, the
    number in the experimental arm is hypergeometric. At least ``level`` percent lie in the range.
    """
    counts = hypergeom(n + control_n, total, n)
    ends = (int(counts.ppf(0.5 - level / 200)), int(counts.isf(0.5 - level / 200)))
    low, high = (standardized_difference(k, n, total - k, control_n) for k in ends)
    return low, high


def chance_exactly(threshold: float, totals: Sequence[int], n: int, control_n: int) -> float:
    """Exact probability that any level of a factor goes beyond ``threshold`` in |SMD|.

    ``totals`` are the patients in each level, both arms together; they add up to all patients.
    Raises ``ValueError`` where they do not.
    """
    if sum(totals) != n + control_n:
        raise ValueError(f"levels of {sum(totals)} patients for arms of {n} and {control_n}")
    beyond = 0
    for free in product(*(range(min(t, control_n) + 1) for t in totals[:-1])):
        control = (*free, control_n - sum(free))
        if not 0 <= control[-1] <= totals[-1]:
            continue
        levels = zip(totals, control, strict=True)
        gaps = (standardized_difference(t - c, n, c, control_n) for t, c in levels)
        if any(abs(gap) > threshold for gap in gaps):
            ways = 1
            for t, c in zip(totals, control, strict=True):
                ways *= comb(t, c)
            beyond += ways
    return beyond / comb(n + control_n, control_n)


def number_beyond(probabilities: Sequence[float]) -> np.ndarray:
    """Distribution of the number of independent events with these probabilities, from 0 up."""
    distribution = np.ones(1)
    for p in probabilities:
        distribution = np.convolve(distribution, [1 - p, p])
    return distribution


def central_range(distribution: np.ndarray, level: float = 95.0) -> tuple[int, int]:
    """Smallest and largest number in the central ``level`` percent of a distribution from 0 up."""
    below = np.cumsum(distribution)
    tail = (1 - level / 100) / 2
    return int(np.searchsorted(below, tail)), int(np.searchsorted(below, 1 - tail))


def characteristics(record: Record, block: str = "table1") -> pd.DataFrame:
    """Counts of the baseline table: one line a level, with SMD and the range chance gives it.

    Columns: factor, category, row, arm counts and denominators (``count``, ``n``,
    ``control_count``, ``control_n``), ``total`` and ``total_n`` (sums of the arms), ``smd``,
    ``low`` and ``high`` (95% chance range), ``place``. Levels of a factor that the table gives
    only as a median are taken from the forest plot of subgroups, where it has them.
    """
    lines = [_line(record, pair) for pair in _pairs(record, block)]
    frame = pd.DataFrame(lines)
    smd = [standardized_difference(*counts) for counts in _counts(frame)]
    ranges = [
        chance_range(count + other, n, other_n) for count, n, other, other_n in _counts(frame)
    ]
    return frame.assign(
        total=frame["count"] + frame.control_count, total_n=frame.n + frame.control_n,
        smd=smd, low=[r[0] for r in ranges], high=[r[1] for r in ranges],
    )  # fmt: skip


def factors(levels: pd.DataFrame, threshold: float = CONVENTION) -> pd.DataFrame:
    """One line a factor: its largest |SMD| and the exact chance of one beyond ``threshold``."""
    lines = []
    for factor, group in levels.groupby("factor", sort=False):
        n, control_n = int(group.n.iloc[0]), int(group.control_n.iloc[0])
        outside = (group.smd < group.low) | (group.smd > group.high)
        lines.append(
            {"factor": factor, "largest": group.smd.abs().max(), "outside": bool(outside.any()),
             "chance": chance_exactly(threshold, [int(t) for t in group.total], n, control_n)}
        )  # fmt: skip
    return pd.DataFrame(lines)


def _counts(frame: pd.DataFrame) -> Iterator[tuple[int, int, int, int]]:
    columns = ["count", "n", "control_count", "control_n"]
    for row in frame[columns].itertuples(index=False):
        yield row[0], row[1], row[2], row[3]


def _pairs(record: Record, block: str) -> Iterator[dict[str, Entry]]:
    """The two arms' counts of each level, by role."""
    roles = {name: arm.role for name, arm in record.sheet.arms.items()}
    entries = [e for e in record.entries.values() if e.arm and roles[e.arm] != "total"]
    table = [e for e in entries if e.block == block and e.part == "count"]
    medians = {e.factor for e in entries if e.block == block} - {e.factor for e in table}
    forest = [e for e in entries if e.block == "figure3" and e.part == "n" and e.factor in medians]
    rows: dict[tuple[str, str], dict[str, Entry]] = {}
    for entry in (*forest, *table):
        rows.setdefault((entry.block, entry.row), {})[roles[str(entry.arm)]] = entry
    yield from (pair for pair in rows.values() if {"experimental", "control"} <= set(pair))


def _line(record: Record, pair: dict[str, Entry]) -> dict[str, object]:
    first, other = pair["experimental"], pair["control"]
    population = first.population or "randomized"
    return {
        "factor": first.factor, "category": first.category, "row": first.row,
        "count": int(first.value), "n": int(record.size(population, str(first.arm)).value),
        "control_count": int(other.value),
        "control_n": int(record.size(population, str(other.arm)).value),
        "population": population, "place": first.place,
    }  # fmt: skip
