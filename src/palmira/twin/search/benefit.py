"""Tables of clinical benefit that print an adjusted odds ratio with its limits and P value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from palmira.record import Record
from palmira.record.printed import Printed
from palmira.twin.facts import responders, size
from palmira.twin.search.logistic import fit, profile_limits
from palmira.twin.targets.attainable import SCALES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ENDPOINT = "CBR"
# Sums, of those nearest to the expected ones, among which the best print is looked for.
CLOSE = 300


@dataclass(frozen=True)
class Frame:
    """Where the patients of a benefit table can stand.

    ``arms``: experimental first; ``levels``: the two categories of each of the two strata; ``n``:
    by arm and stratum, patients of each category; ``sizes`` and ``benefit``: by arm; ``printed``:
    odds ratio, lower and upper limit, P value; ``level``: of the interval; ``sign``: 1 where the
    ratio is that of the experimental to the control arm, else -1.
    """

    arms: tuple[str, str]
    strata: list[str]
    levels: list[list[str]]
    n: dict[tuple[str, str], dict[str, int]]
    sizes: Ints
    benefit: Ints
    printed: tuple[Printed, ...]
    level: float
    sign: int

    @property
    def cells(self) -> list[str]:
        """Names of the four cells of an arm: the categories of both strata."""
        return ["|".join(c) for c in product(*self.levels)]


@dataclass(frozen=True)
class BenefitTable:
    """Patients and patients with benefit by arm and cell, what their model prints (odds ratio,
    lower and upper limit, P value), and how far that is from the printed values, in half units of
    the last decimal, at most 1."""

    n: dict[str, dict[str, int]]
    benefit: dict[str, dict[str, int]]
    printed: tuple[float, ...]
    distance: float


def frame(record: Record) -> Frame | None:
    """The record's numbers that bear on a benefit table; None where it lacks one of them."""
    found = record.where(measure="odds ratio", endpoint=ENDPOINT, part="estimate")
    entry = next(iter(found), None)
    arms, strata = record.two_arms(), record.sheet.strata
    if entry is None or entry.population is None or len(strata) != 2:
        return None
    cell = record.cell(entry)
    row = next(iter(record.where(block=entry.block, row=entry.row, part="p")), None)
    parts = [cell.get("estimate"), cell.get("lower"), cell.get("upper"), row]
    printed = [e.printed for e in parts if e is not None and e.printed is not None]
    counts = [responders(record, ENDPOINT, entry.population, a) for a in arms]
    n = {(a, s): _levels(record, s, a) for a in arms for s in strata}
    levels = [list(n[arms[0], s]) for s in strata]
    if len(printed) != 4 or None in counts or any(len(x) != 2 for x in levels):
        return None
    sizes = np.array([size(record, entry.population, a) for a in arms])
    benefit = np.array([c or 0 for c in counts])
    gap = benefit[0] / sizes[0] - benefit[1] / sizes[1]
    sign = 1 if gap * (entry.value - 1) >= 0 else -1
    return Frame(arms, strata, levels, n, sizes, benefit, tuple(printed), entry.level, sign)


def _levels(record: Record, factor: str, arm: str) -> dict[str, int]:
    """Patients of an arm by category of a factor, from its rows with events and patients."""
    found = [e for e in record.where(factor=factor, arm=arm, part="n") if e.category]
    return {str(e.category): int(e.value) for e in found}


def tables_of_patients(frame: Frame) -> Iterator[Ints]:
    """All tables of patients by arm and cell (2 by 4) that have the margins of both strata."""
    choices = []
    for i, arm in enumerate(frame.arms):
        one, other = (frame.n[arm, s] for s in frame.strata)
        a, b = one[frame.levels[0][1]], other[frame.levels[1][1]]
        low, high = max(0, a + b - frame.sizes[i]), min(a, b)
        choices.append(
            [(frame.sizes[i] - a - b + x, b - x, a - x, x) for x in range(low, high + 1)]
        )
    for rows in product(*choices):
        yield np.array(rows, dtype=np.int64)


def design(frame: Frame) -> Floats:
    """The logistic model's columns for the eight groups: one, arm, first and second stratum."""
    arm = np.repeat([1.0, 0.0] if frame.sign > 0 else [0.0, 1.0], 4)
    first, second = np.tile([0.0, 0, 1, 1], 2), np.tile([0.0, 1, 0, 1], 2)
    return np.column_stack([np.ones(8), arm, first, second])


def prints(frame: Frame, n: Floats, totals: Floats, scale: str = "full") -> Floats:
    """What each model prints: odds ratio, profile limits and Wald's P value, one line a model.

    On the scale "full" the arm stands on orthonormal contrasts, so that log ratios are divided by
    the square root of 2 (``palmira.statistics.contrasts``); on "neutral" they are not.
    """
    x, divisor = design(frame), SCALES[scale]
    beta, covariance, _ = fit(x, n, totals)
    p = 2 * norm.sf(np.abs(beta[:, 1]) / np.sqrt(covariance[:, 1, 1]))
    lower, upper = profile_limits(x, n, totals, frame.level)
    return np.column_stack([*(np.exp(b / divisor) for b in (beta[:, 1], lower, upper)), p])


def distance(frame: Frame, values: Floats) -> Floats:
    """How far values lie from the printed ones, in half units of the last decimal."""
    target = np.array([p.value for p in frame.printed])
    half = np.array([p.half_unit for p in frame.printed])
    return np.abs((values - target) / half).max(axis=1)


def screen(frame: Frame, n: Ints, totals: Ints, scale: str) -> Ints:
    """Which models print the odds ratio and the P value as the record does."""
    ratio, _, _, p_value = frame.printed
    beta, covariance, _ = fit(design(frame), n.astype(float), totals.astype(float))
    with np.errstate(invalid="ignore"):
        p = 2 * norm.sf(np.abs(beta[:, 1]) / np.sqrt(covariance[:, 1, 1]))
        found = np.exp(beta[:, 1] / SCALES[scale])
        near = (found >= ratio.low) & (found <= ratio.high)
        near &= (p >= p_value.low) & (p <= p_value.high)
    return np.flatnonzero(near).astype(np.int64)


def benefit_tables(record: Record, scale: str = "full") -> list[BenefitTable]:
    """All tables of benefit that print the record's odds ratio, limits and P value together.

    The model: logistic, benefit on arm and both strata. Its likelihood depends on the benefit table
    only through the sums over each arm and over each category of the strata, so the search over
    these is exhaustive: one table for each such set of sums, the whole one closest to what the
    model itself expects (any other with the same sums prints the same). Most central first. Empty
    where no table prints them, or where the record lacks the odds ratio, its limits, its P value,
    the rates of benefit or two strata of two categories.
    """
    about = frame(record)
    if about is None:
        return []
    x = design(about)
    near: list[tuple[Ints, Ints]] = []
    for patients in tables_of_patients(about):
        some = sums(about, patients)
        every = np.repeat(patients.reshape(1, 8), len(some), axis=0)
        which = screen(about, every, some, scale)
        near.append((every[which], some[which]))
    n, totals = (np.concatenate(arrays) for arrays in zip(*near, strict=True))
    values = prints(about, n.astype(float), totals.astype(float), scale)
    far = distance(about, values)
    found: list[BenefitTable] = []
    for i in np.flatnonzero(far <= 1):
        beta = fit(x, n[[i]].astype(float), totals[[i]].astype(float))[0][0]
        whole = nearest_table(about, n[i], totals[i], n[i] / (1 + np.exp(-x @ beta)))
        if whole is not None:
            found.append(_table(about, n[i], whole, values[i], float(far[i])))
    return sorted(found, key=lambda t: t.distance)


def best_benefit(
    frame: Frame,
    n: Ints,
    ceiling: Ints,
    expected: Floats,
    allowed: Callable[[Ints], bool] | None = None,
) -> Ints | None:
    """The benefit table of given patients that prints best what the record prints (scale "full").

    ``n``, ``ceiling``, ``expected``: by group (eight), patients, those who can have benefit at all
    and the benefit to be near to; ``allowed`` refuses other tables. Of the sums that print odds
    ratio, limits and P value the most central ones that the ceiling allows; else those that come
    nearest. None where no table has the arms' numbers.
    """
    totals = sums(frame, n.reshape(2, 4))
    every = np.repeat(n.reshape(1, 8), len(totals), axis=0)

    def nearest_first(which: Ints) -> Ints:
        values = prints(frame, every[which].astype(float), totals[which].astype(float))
        return which[np.argsort(np.nan_to_num(distance(frame, values), nan=np.inf), kind="stable")]

    def first_table(order: Ints) -> Ints | None:
        found = (nearest_table(frame, ceiling, totals[i], expected) for i in order)
        return next((t for t in found if t is not None and (not allowed or allowed(t))), None)

    best = first_table(nearest_first(screen(frame, every, totals, "full")))
    if best is None:
        gap = np.abs(totals[:, 2:] - expected @ design(frame)[:, 2:]).sum(axis=1)
        close, rest = np.split(np.argsort(gap, kind="stable"), [CLOSE])
        best = first_table(np.concatenate([nearest_first(close), rest]))
    return best


def sums(frame: Frame, n: Ints) -> Ints:
    """All sums of benefit over the columns of the model's design that a benefit table of ``n``
    patients could have: overall, in the arm coded 1, in each stratum's second category."""
    coded = frame.benefit[0 if frame.sign > 0 else 1]
    first, second = int(n[:, 2:].sum()), int(n[:, [1, 3]].sum())
    grid = np.array(list(product(range(1, first), range(1, second))), dtype=np.int64)
    grid = grid.reshape(-1, 2)
    return np.concatenate([np.tile([frame.benefit.sum(), coded], (len(grid), 1)), grid], axis=1)


def nearest_table(frame: Frame, n: Ints, totals: Ints, expected: Floats) -> Ints | None:
    """The benefit table (eight groups) with these sums that is nearest to ``expected``, by squares
    weighted as in Pearson's chi-square; None where no table has these sums."""
    arms = zip(frame.benefit, n.reshape(2, 4), expected.reshape(2, 4), strict=True)
    one, other = (_arm_tables(*arm) for arm in arms)
    best: tuple[float, Ints] | None = None
    for (first, second), (cost, table) in one.items():
        rest = other.get((int(totals[2]) - first, int(totals[3]) - second))
        if rest and (best is None or cost + rest[0] < best[0]):
            best = cost + rest[0], np.concatenate([table, rest[1]])
    return best[1] if best else None


def _arm_tables(
    benefit: int, cells: Ints, expected: Floats
) -> dict[tuple[int, int], tuple[float, Ints]]:
    """By sums over both strata's second categories the nearest table of an arm, and its cost."""
    grids = np.meshgrid(*(np.arange(c + 1) for c in cells[1:]), indexing="ij")
    three = np.stack([g.ravel() for g in grids], axis=1)
    tables = np.column_stack([benefit - three.sum(axis=1), three])
    tables = tables[(tables[:, 0] >= 0) & (tables[:, 0] <= cells[0])]
    cost = (1 / np.maximum(expected, 0.25) * (tables - expected) ** 2).sum(axis=1)
    found: dict[tuple[int, int], tuple[float, Ints]] = {}
    for i in np.argsort(cost, kind="stable"):
        t = tables[i]
        found.setdefault((int(t[2] + t[3]), int(t[1] + t[3])), (float(cost[i]), t))
    return found


def _table(frame: Frame, n: Ints, benefit: Ints, values: Floats, far: float) -> BenefitTable:
    def by_arm(groups: Ints) -> dict[str, dict[str, int]]:
        arms = zip(frame.arms, groups.reshape(2, 4).tolist(), strict=True)
        return {a: dict(zip(frame.cells, row, strict=True)) for a, row in arms}

    return BenefitTable(by_arm(n), by_arm(benefit), tuple(map(float, values)), far)
