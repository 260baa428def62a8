"""Adverse events of each patient: which, how severe, when, with what consequence."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.audit.counts import counts_behind
from palmira.record import Record
from palmira.record.adverse_event_table import CLASSES
from palmira.record.schema import RecordError
from palmira.twin.adam.study_days import SAFETY_WINDOW
from palmira.twin.facts import Ints, count, draw, ids, size, where
from palmira.twin.search.exposure import TOXICITY, cutoff_day
from palmira.twin.search.grades import Grade, Row, deal_grades, rows, table_block, unlisted
from palmira.twin.search.responses import died_first

COLUMNS = ["patient", "term", "body", "grade", "start", "end", "serious", "related", "action"]
# Free: the paper prints neither the time nor the duration of events, nor how often they recur, nor
# how many are related to treatment (but for serious ones).
RECURRENCES, OTHERS, DURATION = 0.4, 0.7, 21.0
HEMATOLOGIC = CLASSES[0]
RELATED = {HEMATOLOGIC: 0.9}
RELATED_ELSE = 0.4
WITHDRAWN, REDUCED, INTERRUPTED = "Drug withdrawn", "Dose reduced", "Drug interrupted"


def adverse_events(
    record: Record, patients: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """One line an event: patient (index), term, body (class), grade, start and end (days, random
    assignment is day 1), serious, related (to the drug under study), action (taken with it).

    Each patient's highest grades have the printed table by maximum severity, cell by cell; grade 1
    or 2 is left to chance. Terms below the table's threshold stand together as "Other ...". Grade 5
    goes to patients who died during treatment or within four weeks of its end, severe events rather
    to those whose doses changed; who stopped treatment for an adverse event has one on that day.
    Serious events, and those of them related to treatment, have the printed numbers. No events
    where the record has no such table. Raises ``RecordError`` naming the entries where no choice
    has these numbers, or where too few patients died near their treatment.
    """
    block = table_block(record)
    if block is None:
        return pd.DataFrame(columns=COLUMNS)
    last = last_day(record, patients)
    lines: list[pd.DataFrame] = []
    for arm in record.two_arms():
        mine = where((patients["arm"] == arm) & patients["treated"])
        top, found = rows(record, block, arm), []
        for row in top:
            found += deal_grades(row, mine, _weights(row, patients, mine, last), rng)
        found += _others(record, arm, top, found, rng)
        events = _days(found, patients, last, rng)
        _consequences(events, patients[patients["arm"] == arm], last)
        _serious(record, arm, events, rng)
        lines.append(events)
    events = pd.concat(lines).sort_values(["patient", "start", "term", "grade"], kind="stable")
    return events[COLUMNS].reset_index(drop=True)


def last_day(record: Record, patients: pd.DataFrame) -> NDArray[np.float64]:
    """Each patient's last day of observation for adverse events: at most four weeks after the last
    dose, the day of death or last contact, the cutoff; NaN for the untreated."""
    ends = [patients["treatment_end"] + SAFETY_WINDOW, cutoff_day(record, patients)]
    ends += [patients["os"]] if "os" in patients else []
    least: NDArray[np.float64] = np.min([np.asarray(e, dtype=float) for e in ends], axis=0)
    return least


def _weights(
    row: Row, patients: pd.DataFrame, mine: Ints, last: NDArray[np.float64]
) -> dict[int, NDArray[np.float64]]:
    """Who is likelier to have each grade as the highest of all; zero for those who cannot."""
    some = patients.iloc[mine]
    end = some["treatment_end"].to_numpy()
    died = np.zeros(len(mine), dtype=bool)
    if "died" in some:
        died = some["died"].to_numpy(dtype=bool) & (some["os"].to_numpy() <= last[mine])
    first = died_first(some)
    if row.count[5] > died.sum():
        raise RecordError(
            f"{ids(*(e for e in row.entries if e.grade == '5'))}: {row.count[5]} patients have an "
            f"event of grade 5, but only {int(died.sum())} treated patients of the arm died within "
            f"{SAFETY_WINDOW} days of their last dose. Mend: the stage of overall survival must "
            "provide that many, best with death as the event of PFS."
        )
    stopped = (some["end_reason"] == TOXICITY).to_numpy()
    changed = (some["interrupted"] | some["dose_reduced"]).to_numpy()
    severe = (1 + 6 * changed + 1e3 * stopped) * np.minimum(end, 168)
    mild = np.minimum(end, 168) * (1 + 1e6 * stopped)
    return {5: np.where(first, 1e9, 1.0) * died, 4: severe, 3: severe, 1: mild}


def _others(
    record: Record, arm: str, top: list[Row], found: list[Grade], rng: np.random.Generator
) -> list[Grade]:
    """Events beside the table's: severe ones that only the text prints, and mild ones of terms
    below the table's threshold in patients who have others of the class anyway."""
    more: list[Grade] = []
    highest: dict[tuple[str, int], int] = {}
    for g in found:
        highest[g.body, g.patient] = max(g.grade, highest.get((g.body, g.patient), 0))
    for entry, body in unlisted(record, arm, top):
        if entry.printed is None:
            continue
        n, low = size(record, str(entry.population), arm), int(str(entry.grade)[0])
        k = int(entry.value) if entry.part == "count" else min(counts_behind(entry.printed, n)[0])
        pool = np.array([i for (b, i), g in highest.items() if b == body and g >= low])
        if k > len(pool):
            raise RecordError(
                f"{ids(entry)}: {k} patients, but in its class only {len(pool)} have this grade. "
                "Mend: correct it."
            )
        more += [Grade(int(i), str(entry.term), body, low) for i in rng.permutation(pool)[:k]]
    taken = {(g.term, g.patient) for g in found}
    for body, i in highest:
        term = f"Other {body.lower()}"
        if rng.random() < OTHERS and (term, i) not in taken:
            more.append(Grade(i, term, body, 1))
    return more


def _days(
    found: list[Grade], patients: pd.DataFrame, last: NDArray[np.float64], rng: np.random.Generator
) -> pd.DataFrame:
    """Episodes with their days: at least one of each patient's highest grade in a term, and
    recurrences that are not more severe. A fatal event ends with death."""
    lines = []
    end = patients["treatment_end"].to_numpy()
    for g in found:
        i, limit = g.patient, int(last[g.patient])
        latest = max(1, int(min(end[i], limit)))
        again = 0 if g.grade == 5 else int(rng.poisson(RECURRENCES))
        for episode in range(1 + again):
            grade = int(g.grade if episode == 0 else rng.integers(1, g.grade + 1))
            grade = int(rng.integers(1, 3)) if g.grade == 1 else grade
            start = 1 + int(latest * rng.beta(1.0, 2.5))
            duration = int(DURATION * rng.lognormal(0, 0.8))
            start, stop = min(start, latest), min(start + duration, limit)
            if g.grade == 5:
                stop = limit
                start = max(1, stop - int(rng.integers(0, 15)))
            lines.append((i, g.term, g.body, grade, start, max(start, stop)))
    return pd.DataFrame(lines, columns=COLUMNS[:6])


def _consequences(events: pd.DataFrame, patients: pd.DataFrame, last: NDArray[np.float64]) -> None:
    """What was done with the drug: of each patient concerned, at the most severe event that is not
    fatal; where treatment was stopped for it, the event lasts from before to after that day."""
    events["action"] = ""
    ordered = events[events["grade"] < 5].sort_values(["grade", "start"], ascending=[False, True])
    for i, mine in ordered.groupby("patient", sort=True):
        patient, lines = patients.loc[i], list(mine.index)
        if patient["end_reason"] == TOXICITY:
            line, day = lines.pop(0), int(patient["treatment_end"])
            events.loc[line, "action"] = WITHDRAWN
            if not events.loc[line, "start"] <= day <= events.loc[line, "end"]:
                events.loc[line, "start"] = max(1, day - 7)
                events.loc[line, "end"] = int(min(day + 14, last[i]))
        for flag, action in (("dose_reduced", REDUCED), ("interrupted", INTERRUPTED)):
            if patient[flag] and lines:
                events.loc[lines.pop(0), "action"] = action
    stopped = patients.index[patients["end_reason"] == TOXICITY]
    if lost := set(stopped) - set(ordered["patient"]):
        raise RecordError(
            f"{len(lost)} patients stopped treatment for an adverse event and have none. Mend: "
            "correct the number who stopped or that with any event."
        )


def _serious(record: Record, arm: str, events: pd.DataFrame, rng: np.random.Generator) -> None:
    """Serious events in the printed number of patients, fatal ones among them; of these as many
    related as printed, none of them fatal. Nothing is related where the drug was not given. Rather
    nonhematologic events are serious: a low blood count seldom takes anybody to hospital."""
    fatal = events["grade"] == 5
    events["serious"] = fatal
    k = count(record, "safety.serious", arm)
    if k is not None:
        printed = ids(*record.where(block="safety", row="serious", arm=arm, part="count"))
        _make_serious(events, k, printed, rng)
    drug = arm == record.two_arms()[0]
    share = events["body"].map(RELATED).fillna(RELATED_ELSE).to_numpy(dtype=float)
    events["related"] = (rng.random(len(events)) < share) & drug & ~fatal
    related = count(record, "safety.serious_related", arm)
    if related is not None:
        able = where(events["serious"] & ~fatal)
        if related > len(able):
            printed = ids(*record.where(block="safety", row="serious_related", arm=arm))
            raise RecordError(
                f"{printed}: more than the {len(able)} serious events that are not fatal. "
                "Mend: correct it."
            )
        events.loc[events["serious"], "related"] = False
        events.loc[rng.permutation(able)[:related], "related"] = True


def _make_serious(events: pd.DataFrame, k: int, printed: str, rng: np.random.Generator) -> None:
    """Make the severest event of some patients serious, so that ``k`` have one."""
    weight = events["grade"] - 2.0 * (events["body"] == HEMATOLOGIC)
    highest = weight.groupby(events["patient"]).max()
    dead = set(events.loc[events["serious"], "patient"])
    pool = np.array([i for i in highest.index if i not in dead], dtype=np.int64)
    if not len(dead) <= k <= len(dead) + len(pool):
        raise RecordError(
            f"{printed}: of {len(highest)} patients with events {len(dead)} have a fatal one, "
            "which is serious. Mend: correct the number."
        )
    severe = np.array([25.0 ** (highest[i] - 2) for i in pool])
    for i in draw(rng, pool, k - len(dead), severe):
        events.loc[weight[events["patient"] == i].idxmax(), "serious"] = True
