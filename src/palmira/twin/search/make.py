"""A twin from a record: all stages in order, kept one by one so that a stopped run goes on."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

from palmira.audit import audit
from palmira.record import DATA, Record, load
from palmira.record.files import write_whole
from palmira.record.schema import RecordError
from palmira.twin.adam.datasets import frames
from palmira.twin.adam.store import read, write
from palmira.twin.adam.study_days import DAYS_PER_WEEK, ORIGIN, VISIT_WINDOW
from palmira.twin.facts import DATES, FIRST_INTERVAL, dated, number, printed
from palmira.twin.search import pfs
from palmira.twin.search.adverse_events import adverse_events
from palmira.twin.search.characteristics import characteristics
from palmira.twin.search.enrollment import calendar_of, enroll
from palmira.twin.search.exposure import exposure
from palmira.twin.search.overall_survival import survive
from palmira.twin.search.problem import Problem, pfs_problem
from palmira.twin.search.responses import responses
from palmira.twin.targets.attainable import why_not
from palmira.twin.verify.recompute import checks, verify

# Whole searches of which the best is kept, rounds that improve it, and room for their seeds.
ATTEMPTS, ROUNDS, ROOM = 4, 5, 9
SPARE = 10
Tell = Callable[[str, float], None]


def check(record: Record, scale: str) -> None:
    """Raises ``RecordError`` naming entries that no patient table can have together, beyond the
    numbers that are set aside as not attainable."""
    aside = why_not(record, scale)
    for c in audit(record, only=("C16",)):
        if c.verdict == "inconsistent" and c.entry not in aside:
            raise RecordError(f"{record.trial}: {c.detail}. Mend: correct one of these entries.")


# Stages that are left out where the record prints nothing of them, in words.
STAGES = {
    "OS": "overall survival", "response": "response",
    "treatment": "the course of treatment or adverse events",
}  # fmt: skip


def notes(record: Record) -> list[str]:
    """Sentences on what the data sets lack because the record prints nothing of it."""
    lost = [words for stage, words in STAGES.items() if stage not in printed(record)]
    found = []
    if lost:
        found.append(f"Empty, for the record prints nothing of it: {', '.join(lost)}.")
    if not dated(record):
        found.append(
            f"Dates are nominal and count from {ORIGIN.date()}, for the record lacks "
            f"{' or '.join(id for id in DATES if id not in record.entries)}."
        )
    return found


def horizon_of(record: Record, problem: Problem) -> int:
    """The last day of the main end point: a little before the longest follow-up."""
    calendar = calendar_of(record, problem)
    return min(calendar.longest, calendar.cutoff) - SPARE


def earliest_censoring(record: Record, problem: Problem) -> int:
    """The first day on which a patient still on treatment can have had a last assessment: the last
    patient's time on trial, less the interval of the assessments."""
    calendar, weeks = calendar_of(record, problem), number(record, FIRST_INTERVAL)
    on_trial = calendar.cutoff - calendar.last + 1
    return max(1, on_trial - round(DAYS_PER_WEEK * (weeks or 0)) - VISIT_WINDOW + 1)


def interruptible(compute: Callable[[], Any]) -> Any:
    """What ``compute`` returns or raises, from a thread beside: compiled code would keep Ctrl-C and
    the progress bar waiting, maybe for minutes. Whoever stops the program ends the thread with it.
    """
    done: list[Any] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            done.append(compute())
        except BaseException as error:
            failed.append(error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
    if failed:
        raise failed[0]
    return done[0]


class Stages:
    """Results of the stages in a folder of their own, for one record, scale, seed and code."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder.parent / f".{folder.name}-{key}"

    def __call__(self, name: str, compute: Callable[[], Any]) -> Any:
        """The kept result of a stage, or the computed one, which is then kept."""
        path = self.folder / f"{name}.pickle"
        if path.exists():
            with suppress(Exception):  # a file that cannot be read is made again
                return pickle.loads(path.read_bytes())
        result = interruptible(compute)
        write_whole(path, pickle.dumps(result))
        return result

    def clear(self) -> None:
        """Remove what is kept."""
        shutil.rmtree(self.folder, ignore_errors=True)


def digest(path: Path, *words: object) -> str:
    """One word for a record's file, the code of the generator and some settings."""
    total = hashlib.sha256(repr(words).encode())
    for file in (path, *sorted(Path(__file__).parents[1].rglob("*.py"))):
        total.update(file.read_bytes())
    return total.hexdigest()[:12]


def make(path: Path, out: Path, seed: int, scale: str, effort: str, tell: Tell) -> pd.DataFrame:
    """Write a twin of the record at ``path`` to the folder ``out``; returns its patients.

    ``effort``: "full", or "quick" for the overall rows and curves only. ``tell`` hears the stage
    and the share done. A run that was stopped goes on where it was. Raises ``RecordError`` for a
    record that lacks what is needed, or that no patient table satisfies; nothing is written then.
    """
    record = load(path)
    stages = Stages(out.absolute(), digest(path, seed, scale, effort))
    tell("Checking the record", 0.0)
    problem = pfs_problem(record, scale)
    problem = replace(problem, earliest=earliest_censoring(record, problem))
    stages("check", lambda: check(record, scale))
    table = _search(record, problem, scale, seed, effort, stages, tell)
    tell("Calendar, survival, response, characteristics, treatment, adverse events", 0.95)

    known = printed(record)

    def later() -> tuple[pd.DataFrame, pd.DataFrame]:
        rng = np.random.default_rng([seed, 9])
        patients = enroll(record, problem, pfs.patients_frame(problem, table), [seed, 2])
        if "OS" in known:
            patients = survive(record, problem, patients, [seed, 3], scale)
        if "response" in known:
            patients = responses(record, patients, rng, scale)
        patients = characteristics(record, patients, rng)
        if "treatment" in known:
            patients = exposure(record, patients, rng)
        return patients, adverse_events(record, patients, rng)

    patients, events = stages("later", later)
    write(frames(patients, events, record, scale), out)
    stages.clear()
    tell("Written", 1.0)
    return patients


def _search(record: Record, problem: Problem, scale: str, seed: int, effort: str, stages: Stages,
            tell: Tell) -> pfs.PatientTable:  # fmt: skip
    words, horizon = "Searching patients' times and factors", horizon_of(record, problem)
    tell(words, 0.02)
    if effort == "quick":
        found = stages("start", lambda: pfs.begin(record, problem, scale, horizon, seed, True))
        tell(f"{words}: {len(found.missed)} goals missed", 0.5)
        found = stages("round", lambda: pfs.polish(problem, found, seed, pfs.QUICK))
    else:
        found = _best(
            record,
            problem,
            scale,
            horizon,
            seed,
            stages,
            lambda f, share: tell(f"{words}: {len(f.missed)} goals missed", share),
        )
    pfs.refuse(record, problem, found)
    return found.table


def _best(
    record: Record, problem: Problem, scale: str, horizon: int, seed: int, stages: Stages,
    tell: Callable[[pfs.Found, float], None],
) -> pfs.Found:  # fmt: skip
    best: pfs.Found | None = None
    for k in range(ATTEMPTS):
        each = seed * ATTEMPTS + k
        found = stages(f"attempt{k}",
                       partial(pfs.attempt, record, problem, scale, horizon, each))  # fmt: skip
        if best is None or found.score < best.score:
            best = found
        tell(best, 0.05 + 0.8 * (k + 1) / ATTEMPTS)
    assert best is not None
    for k in range(ROUNDS):
        best = stages(f"round{k}", partial(_round, problem, best, seed, k))
        tell(best, 0.85 + 0.1 * (k + 1) / ROUNDS)
    return best


def _round(problem: Problem, found: pfs.Found, seed: int, k: int) -> pfs.Found:
    """All goals at once, hotter and cooler in turn, then each other factor's levels."""
    effort, own = (pfs.POLISH, *pfs.HEATS[k % len(pfs.HEATS)]), seed * ROOM + k
    whole = pfs.polish(problem, found, own, effort, free=True)
    return min(whole, pfs.deal(problem, whole, own), key=lambda x: x.score)


# Seeds of the committed twins, the best of those tried; for the first in so many CPU hours in all.
SEEDS, HOURS = {"full": 27, "neutral": 1}, {"full": 4.1}


def publish(path: Path, folder: Path) -> None:
    """Make the committed twins anew: a folder each, and how they were made in provenance.json."""
    made: dict[str, dict[str, Any]] = {}
    for scale, seed in SEEDS.items():
        before = process_time()
        make(path, folder / scale, seed, scale, "full", lambda words, share: print(words))
        rows = verify(read(folder / scale), load(path), scale)
        held = int((checks(rows)["holds"] == "yes").sum())
        minutes = round((process_time() - before) / 60, 1)
        made[scale] = {
            "evidence": "synthetic",
            "seed": seed,
            "scale": scale,
            "minutes": minutes,
            "checks_held": held,
        }
        if scale in HOURS:
            made[scale]["hours_searched"] = HOURS[scale]
    text = json.dumps(made, indent=1) + "\n"
    write_whole(folder / "provenance.json", text.encode())


if __name__ == "__main__":
    publish(DATA / "published" / "palmira.yaml", DATA / "twin")
