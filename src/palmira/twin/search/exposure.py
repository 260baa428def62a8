"""Treatment of each patient: its last day, why it ended, doses."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.schema import RecordError
from palmira.twin.adam.study_days import timeline
from palmira.twin.facts import Ints, count, draw, ids, totals, where
from palmira.twin.search.responses import died_first

PROGRESSION, TOXICITY = "Progressive disease", "Adverse event"
DEATH, WITHDRAWAL = "Death", "Withdrawal by subject"
# Columns of dose changes, and of dose intensities, with the record's rows.
CHANGES = {"interrupted": "dose.interrupted", "dose_reduced": "dose.reduced"}
INTENSITIES = {"rdi": "dose_intensity.palbociclib", "rdi_et": "dose_intensity.et"}


def exposure(record: Record, patients: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Adds ``treatment_end``, ``end_reason``, ``untreated_reason``, ``eligible``, ``dose_reduced``,
    ``interrupted``, ``rdi`` and ``rdi_et`` (relative dose intensity in percent).

    Days count from random assignment (day 1). Treatment ends with PFS, at the cutoff for those
    still on it, or before for the printed number who stopped for adverse events; those censored who
    are not on it any more withdrew. Only the numbers of the record are known: which patients, and
    when, is free. Raises ``RecordError`` naming the entries where no choice has these numbers.
    """
    out = patients.copy()
    treated = out["treated"].to_numpy(dtype=bool)
    day, event = out["pfs"].to_numpy(), out["pfs_event"].to_numpy(dtype=bool)
    end, reason = day.astype(float), np.full(len(out), None, dtype=object)
    death = event & died_first(out)
    going = out["on_treatment"].to_numpy(dtype=bool) & treated
    stopped = _stopped(record, out, treated & ~going & ~death, rng)
    reason[treated] = np.where(event, PROGRESSION, WITHDRAWAL)[treated]
    reason[death & treated] = DEATH
    reason[stopped] = TOXICITY
    # The last dose is a few days before a death, and some time before progression or censoring
    # where treatment was stopped for an adverse event.
    end[death] = np.maximum(1, day[death] - rng.integers(0, 8, size=int(death.sum())))
    share = rng.uniform(0.3, 0.9, size=len(stopped))
    end[stopped] = np.maximum(1, np.round(day[stopped] * share))
    reason[going] = None
    until = cutoff_day(record, out)
    end[going] = (np.minimum(until, out["os"].to_numpy()) if "os" in out else until)[going]
    end[~treated] = np.nan
    out["treatment_end"], out["end_reason"] = end, reason
    out["untreated_reason"], out["eligible"] = _untreated(record, out, rng)
    _doses(record, out, rng)
    return out


def cutoff_day(record: Record, patients: pd.DataFrame) -> NDArray[np.float64]:
    """Each patient's day of the data cutoff."""
    span = (timeline(record, "cutoff") - timeline(record, "first_randomized")).days
    days: NDArray[np.float64] = span - patients["enrolled"].to_numpy() + 1.0
    return days


def _stopped(
    record: Record, out: pd.DataFrame, able: NDArray[np.bool_], rng: np.random.Generator
) -> Ints:
    """Patients who stopped for an adverse event: likelier those whose PFS is censored, for their
    end of treatment needs a reason, and those with a longer one."""
    found = [np.zeros(0, dtype=np.int64)]
    for arm in record.two_arms():
        k = count(record, "safety.discontinued", arm) or 0
        pool = where(able & (out["arm"] == arm).to_numpy() & (out["pfs"] >= 3).to_numpy())
        if k > len(pool):
            entries = ids(*record.where(block="safety", row="discontinued", arm=arm))
            raise RecordError(
                f"{entries}: only {len(pool)} patients of arm {arm} ended treatment otherwise than "
                "by death before the cutoff. Mend: correct the number, or that still on treatment."
            )
        weight = np.where(out["pfs_event"].to_numpy()[pool], 1.0, 5.0)
        found.append(draw(rng, pool, k, weight * np.minimum(out["pfs"].to_numpy()[pool], 120)))
    return np.concatenate(found)


def _untreated(
    record: Record, out: pd.DataFrame, rng: np.random.Generator
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Why patients were not treated, and who was eligible: the reasons are printed in total."""
    pool = rng.permutation(where(~out["treated"].to_numpy(dtype=bool)))
    counts = record.where(part="count", measure="count")
    lost = [e for e in counts if e.between]
    rows, arms = {(e.block, e.row) for e in lost}, (None, *totals(record))
    reasons = [e for e in counts if e.arm in arms and (e.block, e.within) in rows]
    texts = [e.label for e in reasons for _ in range(int(e.value))]
    if reasons and len(texts) != len(pool):
        raise RecordError(
            f"{ids(*lost, *reasons)}: reasons of {len(texts)} patients, but {len(pool)} were not "
            "treated. Mend: correct them."
        )
    text, eligible = np.full(len(out), None, dtype=object), np.ones(len(out), dtype=bool)
    text[pool[: len(texts)]] = texts
    ineligible = record.entries.get("figure1.not_eligible.count")
    k = int(ineligible.value) if ineligible is not None else 0
    if k > len(pool):
        raise RecordError(
            f"{ids(ineligible)}: more than the {len(pool)} patients who were not treated. "
            "Mend: correct it."
        )
    # An ineligible patient is one whose treatment would have violated the protocol, if any was.
    order = sorted(pool, key=lambda i: "protocol" not in str(text[i]).lower())
    eligible[np.array(order[:k], dtype=np.int64)] = False
    return text, eligible


def _doses(record: Record, out: pd.DataFrame, rng: np.random.Generator) -> None:
    """Reductions, interruptions and dose intensity of the drug under study and of its partner."""
    experimental, control = record.two_arms()
    treated = out["treated"].to_numpy(dtype=bool)
    mine = {arm: where(treated & (out["arm"] == arm)) for arm in (experimental, control)}
    changed = np.zeros(len(out))
    end = out["treatment_end"].to_numpy()
    for column, row in CHANGES.items():
        # Reduction mostly follows interruption, and both take time on treatment.
        weight = np.minimum(end, 168) * (1 + 4 * changed)
        out[column] = _changed(record, row, mine[experimental], weight, rng)
        changed += out[column]
    for column, row in INTENSITIES.items():
        values = np.full(len(out), np.nan)
        for arm in mine if column == "rdi_et" else [experimental]:
            entry = next(iter(record.where(block="safety", row=row, arm=arm)), None)
            if entry is not None:
                cell = {p: e for p, e in record.cell(entry).items() if p != "level"}
                values[mine[arm]] = _intensities(cell, changed[mine[arm]], rng)
        out[column] = values


def _changed(
    record: Record, row: str, pool: Ints, weight: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Who, of the patients of the experimental arm, had the dose changed: as many as printed."""
    arm, flag = record.two_arms()[0], np.zeros(len(weight), dtype=bool)
    k = count(record, f"safety.{row}", arm)
    if k is not None:
        if k > len(pool):
            entries = ids(*record.where(block="safety", row=row, arm=arm))
            raise RecordError(f"{entries}: more than {len(pool)} treated. Mend: correct it.")
        flag[draw(rng, pool, k, weight[pool])] = True
    return flag


def _intensities(
    cell: dict[str, Entry], changed: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Dose intensities with a printed median (and quartiles), the lowest for changed doses.

    The values next to a printed quantile equal it, so that any definition of a quantile gives it.
    Without quartiles a tenth of the patients lie below a median of 100.
    """
    n = len(changed)
    middle = cell.get("median", cell.get("value"))
    if middle is None or n < 8:
        return np.full(n, middle.value if middle else np.nan)
    if "q1" in cell:
        knots = {0.25: cell["q1"].value, 0.5: middle.value, 0.75: cell["q3"].value}
        ends = {0.0: 2 * min(knots.values()) - 110, 1.0: max(100, *knots.values())}
    else:
        knots = {0.1: middle.value, 0.5: middle.value}
        ends = {0.0: 0.9 * middle.value, 1.0: middle.value}
    knots = dict(sorted((ends | knots).items()))
    place = (np.arange(n) + rng.uniform(0, 1, size=n)) / n
    values = np.round(np.interp(place, list(knots), list(knots.values())), 1)
    for share, value in knots.items():
        if 0 < share < 1:
            near = share * (n - 1)
            values[max(0, int(near) - 1) : int(near) + 3] = value
    order = np.argsort(-changed + rng.normal(0, 0.7, size=n), kind="stable")
    result = np.empty(n)
    result[order] = np.sort(values)
    return result
