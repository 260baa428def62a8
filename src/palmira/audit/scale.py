"""One common factor on the standard errors of all hazard ratios of a table: C4."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from palmira.audit.check import Check, Found, Verdict
from palmira.record import Record
from palmira.statistics.cox_batch import standard_errors
from palmira.statistics.estimates import critical
from palmira.statistics.hazard_ratios import smallest_se

Array = NDArray[np.float64]
Levels = NDArray[np.int64]
SEED = 20251122
TRIALS = 200
ARM_EFFECT, FACTOR_EFFECT = 0.3, 0.3
LEAST_ROWS, LEAST_TRIALS = 4, 50
# What known slips do to a standard error.
SLIPS = {
    "an 80% interval printed as 95%": critical(80) / critical(95),
    "orthonormal contrasts, or doubled rows": 1 / sqrt(2),
    "an 84% interval printed as 95%": critical(84) / critical(95),
    "a 90% interval printed as 95%": critical(90) / critical(95),
    "effect coding": 1 / 2,
}


@dataclass(frozen=True)
class Row:
    """A hazard ratio: events and patients by arm, its printed SE with its range, factor, level."""

    id: str
    events: tuple[int, int]
    patients: tuple[int, int]
    se: float
    se_range: tuple[float, float]
    factor: str | None
    category: str | None


@dataclass(frozen=True)
class CommonFactor:
    """The factor that multiplies all standard errors, with its 95% interval, and the rows' own."""

    value: float
    lower: float
    upper: float
    rows: tuple[Row, ...]
    expected: tuple[float, ...]


def rows_of(record: Record, block: str) -> list[Row]:
    """The hazard ratios of one block that have events and patients by arm."""
    rows = []
    for ratio in record.ratios("hazard ratio"):
        events = record.events_behind(ratio.estimate)
        if ratio.estimate.block != block or not events.own or len(events.printed) != 2:
            continue
        sizes = [record.cell(e).get("n") or record.patients(e) for e in events.printed]
        d, n = [int(x) for x in events.numbers], [int(e.value) if e else 0 for e in sizes]
        if min(d) < 2 or d[0] > n[0] or d[1] > n[1]:
            continue
        _, lower, upper = ratio.prints
        if 0 < lower.high < upper.low:
            factor, category = ratio.estimate.factor, ratio.estimate.category
            by_arm = (d[0], d[1]), (n[0], n[1])
            rows.append(Row(ratio.cell, *by_arm, ratio.se, ratio.se_range, factor, category))
    return rows


@dataclass(frozen=True)
class _Trials:
    """Drawn trials in the order of time: arm and event by (trial, patient), and each factor's
    levels, numbered in the order of its ``rows``."""

    rows: list[Row]
    arm: Levels
    event: NDArray[np.bool_]
    levels: dict[str, Levels]

    def log_ratio(self, row: Row, strata: tuple[str, ...]) -> Array:
        """Log of the SE over its bound that a Cox model of one row reports in each trial."""
        member: NDArray[np.bool_] = np.ones_like(self.event)
        if row.factor:
            siblings = [r for r in self.rows if r.factor == row.factor]
            member = self.levels[row.factor] == siblings.index(row)
        others = [self.levels[f] for f in strata if f in self.levels and f != row.factor]
        se = standard_errors([self.arm, *others], self.event, member)
        return np.log(se / smallest_se(*row.events))


def _deal(rows: list[Row], whole: Row, rng: np.random.Generator) -> _Trials:
    """Draw trials with the printed margins: arm, event and each factor's level by patient.

    Patients of an arm with an event are dealt to the levels as printed, those without likewise.
    Times are exponential, with an effect of the arm and of each factor drawn anew for each trial
    (log hazard ratios with standard deviations ``ARM_EFFECT`` and ``FACTOR_EFFECT``), so that the
    expected ratio does not rest on one guess of them.
    """
    n = sum(whole.patients)
    arm = np.repeat([1, 0], whole.patients)
    sizes = zip(whole.patients, whole.events, strict=True)
    event = np.concatenate([np.arange(p) < d for p, d in sizes])
    levels: dict[str, Levels] = {}
    log_hazard = rng.normal(0, ARM_EFFECT, (TRIALS, 1)) * arm
    factors: dict[str, list[Row]] = {}
    for row in rows:
        if row.factor:
            factors.setdefault(row.factor, []).append(row)
    for factor, members in factors.items():
        code = np.full((TRIALS, n), -1)
        for a, status in product((0, 1), (True, False)):
            who = np.flatnonzero((arm == 1 - a) & (event == status))
            counts = [m.events[a] if status else m.patients[a] - m.events[a] for m in members]
            labels = np.repeat(np.arange(len(members)), counts)[: len(who)]
            labels = np.pad(labels, (0, len(who) - len(labels)), constant_values=-1)
            code[:, who] = rng.permuted(np.tile(labels, (TRIALS, 1)), axis=1)
        levels[factor] = code
        log_hazard = log_hazard + rng.normal(0, FACTOR_EFFECT, (TRIALS, 1)) * code
    order = np.argsort(rng.exponential(size=(TRIALS, n)) / np.exp(log_hazard), axis=1)
    sorted_levels = {f: np.take_along_axis(c, order, axis=1) for f, c in levels.items()}
    return _Trials(rows, arm[order], event[order], sorted_levels)


def common_factor(rows: list[Row], strata: tuple[str, ...] = (), seed: int = SEED) -> CommonFactor:
    """Estimate the factor as the geometric mean over the rows.

    Each row's printed SE over its bound is divided by the ratio expected of a Cox model at its
    events, patients and adjustment, over simulated trials with the printed margins. The interval
    holds the spread of that mean over whole simulated trials (the rows divide the same patients, so
    they are never treated as independent), what rounding leaves open, and what the adjustment could
    be: with the stratification factors or without. A row of a factor leaves that factor out.
    Raises ``ArithmeticError`` where too few simulated trials could be fitted.
    """
    whole = next(r for r in rows if r.factor is None)
    trials = _deal(rows, whole, np.random.default_rng(seed))
    observed = np.array([log(r.se / smallest_se(*r.events)) for r in rows])
    rounding = (
        sum((r.se_range[1] - r.se_range[0]) ** 2 / 12 / r.se**2 for r in rows) / len(rows) ** 2
    )
    means, spreads, ratios = [], [], []
    for adjusted in dict.fromkeys([strata, ()]):
        logs = np.array([trials.log_ratio(row, adjusted) for row in rows])
        logs = logs[:, np.all(np.isfinite(logs) & (logs < log(3)), axis=0)]
        if logs.shape[1] < LEAST_TRIALS:
            raise ArithmeticError("too few events in a row to simulate its model")
        ratios.append(tuple(float(x) for x in np.exp(logs.mean(axis=1))))
        means.append(float(np.mean(observed - logs.mean(axis=1))))
        spreads.append(sqrt(float(np.var(logs.mean(axis=0))) + rounding))
    z = critical(95)
    low = min(m - z * s for m, s in zip(means, spreads, strict=True))
    high = max(m + z * s for m, s in zip(means, spreads, strict=True))
    return CommonFactor(exp(means[0]), exp(low), exp(high), tuple(rows), ratios[0])


def c4_common_factor(record: Record) -> Iterator[Check]:
    """One factor on all standard errors of a table of hazard ratios, and the slips that it fits.

    Inputs: limits, events and patients of at least four rows of a block, one of them of all
    patients. ``inconsistent`` where the factor's 95% interval lies below 1; the detail names the
    known slips inside the interval and those outside it.
    """
    strata = tuple(record.sheet.strata)
    for block in record.sheet.blocks:
        rows = rows_of(record, block.id)
        if len(rows) < LEAST_ROWS or not any(r.factor is None for r in rows):
            continue
        many = f"{len(rows)} hazard ratios"
        try:
            common = common_factor(rows, strata)
        except ArithmeticError as error:
            yield Check.lacking("C4", block.id, many, str(error))
            continue
        form = "{value:.3f} ({lower:.3f} to {upper:.3f})"
        found = Found(form, common.value, common.lower, common.upper)
        verdict: Verdict = "consistent"
        remark = "no common factor below 1 is needed"
        if common.upper < 1:
            verdict = "inconsistent"
            fits = [name for name, f in SLIPS.items() if common.lower <= f <= common.upper]
            out = ", ".join(name for name in SLIPS if name not in fits)
            remark = f"fits {', '.join(fits) or 'no known slip'}; not {out}"
        yield Check("C4", block.id, verdict, many, found, f"{len(rows)} rows", remark)
