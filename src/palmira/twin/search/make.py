"""A twin from a record: all stages in order, kept one by one so that a stopped run goes on."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
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
    "OS": "overall survival",
    "response": "response",
    "treatment": "the course of treatment or adverse events",
}


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
    search = Search(record, problem, seed, stages, tell)
    found = search.quick() if effort == "quick" else search.full()
    pfs.refuse(record, problem, found)
    tell("Calendar, survival, response, characteristics, treatment, adverse events", 0.95)
    before = pfs.patients_frame(problem, found.table)
    patients, events = stages("later", lambda: _later(record, problem, before, seed))
    write(frames(patients, events, record, scale), out)
    stages.clear()
    tell("Written", 1.0)
    return patients


def _later(
    record: Record, problem: Problem, patients: pd.DataFrame, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The stages after PFS: the patients with all their columns, and their adverse events."""
    rng, known, scale = np.random.default_rng([seed, 9]), printed(record), problem.scale
    patients = enroll(record, problem, patients, [seed, 2])
    if "OS" in known:
        patients = survive(record, problem, patients, [seed, 3], scale)
    if "response" in known:
        patients = responses(record, patients, rng, scale)
    patients = characteristics(record, patients, rng)
    if "treatment" in known:
        patients = exposure(record, patients, rng)
    return patients, adverse_events(record, patients, rng)


@dataclass(frozen=True)
class Search:
    """The search for PFS and factors: its record and problem, its seed, where its stages are kept,
    and who is told how far it is."""

    record: Record
    problem: Problem
    seed: int
    stages: Stages
    tell: Tell

    def _say(self, found: pfs.Found | None, share: float) -> None:
        words = "Searching patients' times and factors"
        self.tell(words if found is None else f"{words}: {len(found.missed)} goals missed", share)

    def _begin(self) -> int:
        """The last day of the main end point."""
        self._say(None, 0.02)
        return horizon_of(self.record, self.problem)

    def quick(self) -> pfs.Found:
        """One short search for the overall rows and curves."""
        problem, seed = self.problem, self.seed
        begin = partial(pfs.begin, self.record, problem, self._begin(), seed, quick=True)
        start: pfs.Found = self.stages("start", begin)
        self._say(start, 0.5)
        found: pfs.Found = self.stages(
            "round", partial(pfs.polish, problem, start, seed, pfs.QUICK)
        )
        return found

    def full(self) -> pfs.Found:
        """The best of some whole searches, improved in rounds."""
        horizon, tried = self._begin(), []
        for k in range(ATTEMPTS):
            tried.append(self.stages(f"attempt{k}", partial(self._attempt, horizon, k)))
            best: pfs.Found = min(tried, key=lambda found: found.score)
            self._say(best, 0.05 + 0.8 * (k + 1) / ATTEMPTS)
        for k in range(ROUNDS):
            best = self.stages(f"round{k}", partial(self.round, best, k))
            self._say(best, 0.85 + 0.1 * (k + 1) / ROUNDS)
        return best

    def _attempt(self, horizon: int, k: int) -> pfs.Found:
        return pfs.attempt(self.record, self.problem, horizon, self.seed * ATTEMPTS + k)

    def round(self, found: pfs.Found, k: int) -> pfs.Found:
        """All goals at once, hotter and cooler in turn, then each other factor's levels."""
        cooling, own = pfs.POLISH[k % len(pfs.POLISH)], self.seed * ROOM + k
        whole = pfs.polish(self.problem, found, own, cooling, free=True)
        return min(whole, pfs.deal(self.problem, whole, own), key=lambda x: x.score)


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
