"""One common factor on the standard errors of all hazard ratios of a table: C4."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from palmira.audit.check import Check, Verdict
from palmira.audit.ratios import events_of, level_of, prints, ratio_rows, stem
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.statistics.estimates import critical, log_se
from palmira.statistics.hazard_ratios import smallest_se

Array = NDArray[np.float64]
SEED = 20251122
TRIALS, STEPS = 200, 5
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
    for cell in ratio_rows(record, "hazard ratio"):
        entry = cell["estimate"]
        events, own = events_of(record, entry)
        if entry.block != block or not own or len(events) != 2:
            continue
        sizes = [_patients(record, e) for e in events]
        if None in sizes or min(e.value for e in events) < 2:
            continue
        if any(e.value > (n or 0) for e, n in zip(events, sizes, strict=True)):
            continue
        _, lower, upper = prints(cell)
        if not 0 < lower.high < upper.low:
            continue
        level = level_of(cell)
        ends = (log_se(lower.high, upper.low, level), log_se(lower.low, upper.high, level))
        d, n = (
            (int(events[0].value), int(events[1].value)),
            (int(sizes[0] or 0), int(sizes[1] or 0)),
        )
        se = log_se(lower.value, upper.value, level)
        rows.append(Row(stem(cell), d, n, se, ends, entry.factor, entry.category))
    return rows


def _patients(record: Record, events: Entry) -> float | None:
    n = record.cell(events).get("n")
    if n is not None:
        return n.value
    return (
        record.size(events.population, events.arm).value
        if events.population and events.arm
        else None
    )


def _deal(
    rows: list[Row], whole: Row, rng: np.random.Generator
) -> tuple[Array, Array, dict[str, Array]]:
    """Draw trials with the printed margins: arm, event and each factor's level by patient.

    Patients of an arm with an event are dealt to the levels as printed, those without likewise.
    Times are exponential, with an effect of the arm and of each factor drawn anew for each trial
    (log hazard ratios with standard deviations ``ARM_EFFECT`` and ``FACTOR_EFFECT``), so that the
    expected ratio does not rest on one guess of them. Shapes: (trials, n), in the order of time.
    """
    n = sum(whole.patients)
    arm = np.repeat([1.0, 0.0], whole.patients)
    sizes = zip(whole.patients, whole.events, strict=True)
    event = np.concatenate([np.arange(p) < d for p, d in sizes])
    levels: dict[str, Array] = {}
    log_hazard = rng.normal(0, ARM_EFFECT, (TRIALS, 1)) * arm
    factors: dict[str, list[Row]] = {}
    for row in rows:
        if row.factor:
            factors.setdefault(row.factor, []).append(row)
    for factor, members in factors.items():
        code = np.full((TRIALS, n), -1.0)
        for a, status in product((0, 1), (True, False)):
            who = np.flatnonzero((arm == 1 - a) & (event == status))
            counts = [m.events[a] if status else m.patients[a] - m.events[a] for m in members]
            labels = np.repeat(np.arange(len(members), dtype=float), counts)[: len(who)]
            labels = np.pad(labels, (0, len(who) - len(labels)), constant_values=-1)
            code[:, who] = rng.permuted(np.tile(labels, (TRIALS, 1)), axis=1)
        levels[factor] = code
        log_hazard = log_hazard + rng.normal(0, FACTOR_EFFECT, (TRIALS, 1)) * code
    order = np.argsort(rng.exponential(size=(TRIALS, n)) / np.exp(log_hazard), axis=1)
    sorted_levels = {f: np.take_along_axis(c, order, axis=1) for f, c in levels.items()}
    return arm[order], event[order].astype(float), sorted_levels


def _cox_se(covariates: Array, event: Array, member: Array) -> Array:
    """Model-based standard error of the first covariate, one Cox model a trial, without ties.

    ``covariates`` (trials, n, p) in the order of time, ``event`` and ``member`` (trials, n); the
    number of members and of their events is the same in every trial, as the margins fix it.
    """
    trials, _, width = covariates.shape
    who = np.argsort(-member, axis=1, kind="stable")[:, : int(member[0].sum())][:, ::-1]
    x = np.stack([np.take_along_axis(covariates[..., k], who, axis=1) for k in range(width)])
    d = np.take_along_axis(event, who, axis=1)
    at = np.argsort(-d, axis=1, kind="stable")[:, : int(d[0].sum())]
    a, b = np.triu_indices(width)
    products = [x[i] * x[j] for i, j in zip(a, b, strict=True)]
    observed = (x * d).sum(axis=2)
    beta = np.zeros((width, trials))
    information = np.zeros((trials, width, width))
    for _ in range(STEPS):
        w = np.exp(np.clip(np.einsum("ptn,pt->tn", x, beta), -8, 8))
        s0 = _at_risk(w, at)
        mean = np.stack([_at_risk(w * v, at) / s0 for v in x])
        for i, j, v in zip(a, b, products, strict=True):
            second = (_at_risk(w * v, at) / s0 - mean[i] * mean[j]).sum(axis=1)
            information[:, i, j] = information[:, j, i] = second
        information += 1e-9 * np.eye(width)
        score = (observed - mean.sum(axis=2)).T
        beta = beta + np.clip(np.linalg.solve(information, score[..., None])[..., 0], -2, 2).T
    return np.sqrt(np.linalg.inv(information)[:, 0, 0])


def _at_risk(values: Array, at: NDArray[np.intp]) -> Array:
    """Sums over the patients at risk at each event; ``values`` from the last time to the first."""
    return np.take_along_axis(np.cumsum(values, axis=1), at, axis=1)


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
    arm, event, levels = _deal(rows, whole, np.random.default_rng(seed))
    observed = np.array([log(r.se / smallest_se(*r.events)) for r in rows])
    rounding = (
        sum((r.se_range[1] - r.se_range[0]) ** 2 / 12 / r.se**2 for r in rows) / len(rows) ** 2
    )
    means, spreads, ratios = [], [], []
    for adjusted in dict.fromkeys([strata, ()]):
        logs = np.array([_log_ratio(r, rows, arm, event, levels, adjusted) for r in rows])
        logs = logs[:, np.all(np.isfinite(logs) & (logs < log(3)), axis=0)]
        if logs.shape[1] < LEAST_TRIALS:
            raise ArithmeticError("too few events in a row to simulate its model")
        ratios.append(tuple(float(x) for x in np.exp(logs.mean(axis=1))))
        means.append(float(np.mean(observed - logs.mean(axis=1))))
        spreads.append(sqrt(float(np.var(logs.mean(axis=0))) + rounding))
    low = min(m - 1.96 * s for m, s in zip(means, spreads, strict=True))
    high = max(m + 1.96 * s for m, s in zip(means, spreads, strict=True))
    return CommonFactor(exp(means[0]), exp(low), exp(high), tuple(rows), ratios[0])


def _log_ratio(
    row: Row, rows: list[Row], arm: Array, event: Array, levels: dict[str, Array],
    strata: tuple[str, ...],
) -> Array:  # fmt: skip
    """Log of the SE over its bound that a Cox model of one row reports in each simulated trial."""
    member = np.ones_like(arm)
    if row.factor:
        siblings = [r for r in rows if r.factor == row.factor]
        member = (levels[row.factor] == siblings.index(row)).astype(float)
    others = [levels[f] for f in strata if f in levels and f != row.factor]
    return np.log(
        _cox_se(np.stack([arm, *others], axis=2), event, member) / smallest_se(*row.events)
    )


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
        try:
            found = common_factor(rows, strata)
        except ArithmeticError as error:
            many = f"{len(rows)} hazard ratios"
            yield Check("C4", block.id, "not checkable", many, "", str(error))
            continue
        fits = [name for name, f in SLIPS.items() if found.lower <= f <= found.upper]
        out = [name for name, f in SLIPS.items() if not found.lower <= f <= found.upper]
        below = found.upper < 1
        verdict: Verdict = "inconsistent" if below else "consistent"
        text = f"{found.value:.3f} ({found.lower:.3f} to {found.upper:.3f})"
        how = f"{len(rows)} rows; fits {', '.join(fits) or 'no known slip'}; not {', '.join(out)}"
        how = how if below else f"{len(rows)} rows; no common factor below 1 is needed"
        yield Check("C4", block.id, verdict, f"{len(rows)} hazard ratios", text, how)
