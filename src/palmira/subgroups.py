"""Subgroups of a trial: hazard ratios by level of a factor, interaction, and what chance does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from palmira.entries import Entry
from palmira.estimates import Estimate, critical, log_se, two_sided_p
from palmira.hazard_ratios import ThreeWays, interaction, three_ways
from palmira.record import Record
from palmira.schema import RecordError

Array = NDArray[np.float64]

READINGS = ("printed", "neutral", "conditional")
# Below this number of events in an arm the normal approximation of a log hazard ratio is poor.
FEW_EVENTS = 10


@dataclass(frozen=True)
class Subgroup:
    """A line of a printed subgroup figure: a level of a factor, or all patients (no factor).

    ``events`` and ``n`` are those of the experimental arm, then of the control arm; ``cells`` the
    printed entries of the line by column and part, as in ``"hazard_ratio.lower"``.
    """

    row: str
    factor: str | None
    label: str
    events: tuple[int, int]
    n: tuple[int, int]
    ways: ThreeWays
    cells: dict[str, Entry]

    @property
    def name(self) -> str:
        """Factor and level in one line."""
        return self.label if self.factor is None else f"{self.factor}: {self.label}"

    @property
    def few(self) -> bool:
        """Whether an arm has fewer events than ``FEW_EVENTS``."""
        return min(self.events) < FEW_EVENTS

    @property
    def readings(self) -> dict[str, Estimate]:
        """The hazard ratio as printed, neutral and conditional."""
        return {name: getattr(self.ways, name) for name in READINGS}

    @property
    def errors(self) -> dict[str, float]:
        """Standard error of the log hazard ratio in each reading."""
        printed, least = self.ways.printed_se, self.ways.smallest_se
        return {"printed": printed, "neutral": least, "conditional": sqrt(2) * printed}

    @property
    def se_ratio_range(self) -> tuple[float, float]:
        """Printed over least possible standard error, at both ends of the limits' rounding."""
        lower, upper = (self.cells[f"hazard_ratio.{p}"].printed for p in ("lower", "upper"))
        assert lower and upper
        level, least = self.ways.printed.level, self.ways.smallest_se
        narrow, wide = (lower.high, upper.low), (lower.low, upper.high)
        return log_se(*narrow, level) / least, log_se(*wide, level) / least


def two_arms(record: Record) -> tuple[str, str]:
    """Keys of the experimental and the control arm. Raises ``RecordError`` unless one of each."""
    roles = {role: [k for k, a in record.sheet.arms.items() if a.role == role]
             for role in ("experimental", "control")}  # fmt: skip
    if any(len(keys) != 1 for keys in roles.values()):
        raise RecordError(f"{record.trial}: subgroups need one experimental and one control arm.")
    return roles["experimental"][0], roles["control"][0]


def subgroups(record: Record, block: str = "figure3") -> list[Subgroup]:
    """The lines of a printed subgroup figure in its order, all patients first."""
    arms = two_arms(record)
    return [_subgroup(record, f"{block}.{row.id}.", arms) for row in record.block(block).rows]


def _subgroup(record: Record, stem: str, arms: tuple[str, str]) -> Subgroup:
    cells = {i.removeprefix(stem): e for i, e in record.entries.items() if i.startswith(stem)}
    ratio = cells["hazard_ratio.estimate"]
    events, n = (
        (int(cells[f"{arms[0]}.events.{x}"].value), int(cells[f"{arms[1]}.events.{x}"].value))
        for x in ("events", "n")
    )
    lower, upper = cells["hazard_ratio.lower"].value, cells["hazard_ratio.upper"].value
    level = float(ratio.interval_level or 95)
    ways = three_ways(ratio.value, lower, upper, *events, level)
    return Subgroup(ratio.row, ratio.factor, ratio.label, events, n, ways, cells)


def by_factor(lines: list[Subgroup]) -> dict[str, list[Subgroup]]:
    """The levels of each factor, in the order of the figure."""
    groups: dict[str, list[Subgroup]] = {}
    for line in lines:
        if line.factor is not None:
            groups.setdefault(line.factor, []).append(line)
    return groups


@dataclass(frozen=True)
class Interaction:
    """Ratio of the hazard ratios of a factor's two levels (first over second), by reading.

    ``p_range`` is what rounding of the printed estimates and limits leaves open; ``printed`` the
    P value that the paper prints, None where it prints none.
    """

    factor: str
    levels: tuple[Subgroup, Subgroup]
    ratios: dict[str, Estimate]
    z: dict[str, float]
    p: dict[str, float]
    p_range: tuple[float, float]
    printed: Entry | None


def interactions(lines: list[Subgroup]) -> list[Interaction]:
    """Interaction of each factor with two levels, from its printed lines (Altman and Bland 2003).

    It treats the two levels as independent estimates, which disjoint patients are but for
    covariates that a joint model would share.
    """
    return [_interaction(f, g[0], g[1]) for f, g in by_factor(lines).items() if len(g) == 2]


def _interaction(factor: str, one: Subgroup, other: Subgroup) -> Interaction:
    ratios, z, p = {}, {}, {}
    for name in READINGS:
        a, b, sa, sb = (one.readings[name].value, other.readings[name].value,
                        one.errors[name], other.errors[name])  # fmt: skip
        ratios[name], p[name] = interaction(a, sa, b, sb)
        z[name] = log(a / b) / sqrt(sa**2 + sb**2)
    printed = next((e for line in (one, other) for k, e in line.cells.items()
                    if k == "interaction.p"), None)  # fmt: skip
    return Interaction(factor, (one, other), ratios, z, p, _p_range(one, other), printed)


def _p_range(one: Subgroup, other: Subgroup) -> tuple[float, float]:
    """Least and largest P value over the rounding of both levels' estimates and limits."""
    boxes = [line.cells["hazard_ratio.estimate"].printed for line in (one, other)]
    logs = [log(a / b) for a, b in product(*((x.low, x.high) for x in boxes if x))]
    ends = [
        sqrt(sum((line.se_ratio_range[i] * line.ways.smallest_se) ** 2 for line in (one, other)))
        for i in (0, 1)
    ]
    nearest = 0.0 if min(logs) <= 0 <= max(logs) else min(abs(x) for x in logs)
    return two_sided_p(max(abs(x) for x in logs) / ends[0]), two_sided_p(nearest / ends[1])


@dataclass(frozen=True)
class Chance:
    """Simulated trials with one common hazard ratio in every subgroup.

    ``excluding`` holds, for each trial, the number of subgroup intervals that exclude 1 when they
    have the least standard error; ``excluding_printed`` the same with the printed, smaller one.
    ``largest_z`` is the largest absolute z of the trial's interactions.
    """

    hazard_ratio: float
    excluding: NDArray[np.int64]
    excluding_printed: NDArray[np.int64]
    largest_z: Array

    def shares(self, most: int) -> Array:
        """Share of trials with 0, 1, ... ``most`` subgroup intervals that exclude 1."""
        return np.bincount(self.excluding, minlength=most + 1)[: most + 1] / len(self.excluding)


def chance(
    lines: list[Subgroup], hazard_ratio: float, trials: int = 20_000, seed: int = 2025
) -> Chance:
    """Subgroup results of trials in which every subgroup has the same hazard ratio.

    Each arm keeps its printed events by level. Times follow an exponential model, so a level's time
    at risk is a sum of unit exponentials, one an event, over its hazard; a patient's share counts
    in a level of every factor, which ties the factors together. How the factors go together among
    patients is not published: they are drawn as independent. Raises ``ValueError`` where the levels
    of two factors hold different numbers of events.
    """
    groups = by_factor(lines)
    rng = np.random.default_rng(seed)
    logs: dict[str, Array] = {line.row: np.full(trials, log(hazard_ratio)) for line in lines}
    for arm, sign in ((0, 1.0), (1, -1.0)):
        totals = {sum(line.events[arm] for line in g) for g in groups.values()}
        if len(totals) != 1:
            raise ValueError(f"the factors' levels hold different numbers of events: {totals}")
        shares = rng.exponential(size=(trials, totals.pop()))
        for levels in groups.values():
            rng.permuted(shares, axis=1, out=shares)
            start = 0
            for line in levels:
                at_risk = shares[:, start : start + line.events[arm]].sum(axis=1)
                logs[line.row] = logs[line.row] + sign * np.log(line.events[arm] / at_risk)
                start += line.events[arm]
    z = critical(95)
    levels = [line for g in groups.values() for line in g]
    counts = [
        np.sum([np.abs(logs[x.row]) > z * x.errors[name] for x in levels], axis=0)
        for name in ("neutral", "printed")
    ]
    differences = [
        np.abs(logs[a.row] - logs[b.row]) / np.hypot(a.errors["neutral"], b.errors["neutral"])
        for a, b in (g for g in groups.values() if len(g) == 2)
    ]
    return Chance(hazard_ratio, counts[0], counts[1], np.max(differences, axis=0))
