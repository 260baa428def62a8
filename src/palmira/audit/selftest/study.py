"""The audit over many synthetic papers: what it finds of planted errors, what it flags without."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from palmira.audit import QUICK, audit
from palmira.audit.selftest.errors import ERRORS, Case, Planted, plant
from palmira.audit.selftest.papers import draw_paper
from palmira.audit.selftest.printing import STYLES
from palmira.record import DATA, Record
from palmira.record.files import read_json, write_whole
from palmira.statistics.proportions import clopper_pearson

OUTPUT = DATA / "audit" / "selftest.json"
# No tolerance of the audit was set on papers of this seed.
SEED = 20261122
PAPERS = 2000
ERRORS_EACH = 2
GRAVE = ("inconsistent", "impossible")
# Checks that take long, and the measures that they read: an error elsewhere leaves them alone.
SLOW = {"C4": {"hazard ratio", "events"}, "C12": {"rate", "difference", "P"}}
# Examples kept of each kind.
EXAMPLES = 3


@dataclass(frozen=True)
class Flag:
    """A check with a grave verdict, or one that raised an exception."""

    check: str
    entry: str
    verdict: str
    text: str


@dataclass(frozen=True)
class Tried:
    """A planted error and what the audit said that it did not say of the clean paper."""

    case: Case
    flags: tuple[Flag, ...]

    @property
    def found(self) -> bool:
        """Whether a check calls something inconsistent or impossible."""
        return any(f.verdict in GRAVE for f in self.flags)


@dataclass(frozen=True)
class Outcome:
    """One paper: its flags when clean, and its planted errors."""

    number: int
    style: str
    flags: tuple[Flag, ...]
    errors: tuple[Tried, ...]


def flags_of(record: Record, checks: Iterable[str]) -> list[Flag]:
    """The grave verdicts of these checks; an exception counts as a flag of its own kind."""
    found = []
    for name in checks:
        try:
            for c in (c for c in audit(record, only=[name]) if c.verdict in GRAVE):
                text = f"{c.printed} against {c.recomputed}: {c.detail}"
                found.append(Flag(c.id, c.entry, c.verdict, text))
        except Exception as error:  # the study must go on, and report it
            found.append(Flag(name, "", "raised", f"{type(error).__name__}: {error}"))
    return found


def _checks_for(planted: Planted) -> list[str]:
    """All checks, without the slow ones that read nothing of what the error touched."""
    entries = [planted.record[id] for id in planted.case.touched]
    sizes = {id for arms in planted.record.sheet.populations.values() for id in arms.values()}
    if sizes.intersection(planted.case.touched):
        return list(QUICK)
    measures = {e.measure for e in entries}
    return [name for name in QUICK if measures & SLOW.get(name, measures)]


def examine(number: int, seed: int, errors_each: int) -> Outcome:
    """Audit one paper clean, then with each of some errors; it depends on nothing else."""
    paper = draw_paper(seed, number)
    clean = flags_of(paper.record, QUICK)
    order = np.random.default_rng([seed, number, 1]).permutation(len(ERRORS))
    tried = []
    for k in order[:errors_each]:
        error = list(ERRORS)[k]
        planted = plant(error, paper, np.random.default_rng([seed, number, 2, int(k)]))
        if planted is not None:
            known = {(f.check, f.entry, f.verdict) for f in clean}
            flags = flags_of(planted.record, _checks_for(planted))
            new = [f for f in flags if (f.check, f.entry, f.verdict) not in known]
            tried.append(Tried(planted.case, tuple(new)))
    return Outcome(number, paper.draft.style.name, tuple(clean), tuple(tried))


def outcomes(papers: int, seed: int, errors_each: int, workers: int) -> Iterator[Outcome]:
    """The papers in order; the same for any number of workers."""
    work = partial(examine, seed=seed, errors_each=errors_each)
    if workers < 2:
        yield from map(work, range(papers))
        return
    # One thread of linear algebra a worker; a fresh process reads the setting.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(work, range(papers), chunksize=4)


def share(count: int, of: int) -> dict[str, float | int | None]:
    """A count, what it is of, the share and its 95% interval (Clopper and Pearson's)."""
    if of == 0:
        return {"count": 0, "of": 0, "share": None, "lower": None, "upper": None}
    e = clopper_pearson(count, of)
    shares = {"share": e.value, "lower": e.lower, "upper": e.upper}
    return {"count": count, "of": of, **{k: round(v, 4) for k, v in shares.items()}}


def summary(found: Iterable[Outcome], seed: int, errors_each: int) -> dict[str, Any]:
    """The result as it is kept: shares with intervals, and a few examples."""
    papers = list(found)
    tried = [t for p in papers for t in p.errors]
    return {
        "seed": seed,
        "papers": len(papers),
        "errors_each": errors_each,
        "checks": list(QUICK),
        "clean": {
            "all": _clean(papers),
            "by_style": {s: _clean([p for p in papers if p.style == s]) for s in STYLES},
            "by_check": _by_check(p.flags for p in papers),
            "examples": _examples((p.number, f) for p in papers for f in p.flags),
        },
        "errors": {
            "all": _sensitivity(tried),
            **{e: _sensitivity([t for t in tried if t.case.error == e]) for e in ERRORS},
        },
        "missed": {e: _missed(papers, e) for e in ERRORS},
    }


def _clean(papers: list[Outcome]) -> dict[str, Any]:
    return {
        verdict: share(sum(any(f.verdict == verdict for f in p.flags) for p in papers), len(papers))
        for verdict in (*GRAVE, "raised")
    }


def _by_check(groups: Iterable[Iterable[Flag]]) -> dict[str, dict[str, int]]:
    """Papers with a flag, by check and verdict."""
    counts = Counter(x for flags in groups for x in {(f.check, f.verdict) for f in flags})
    found: dict[str, dict[str, int]] = {}
    for (check, verdict), count in sorted(counts.items()):
        found.setdefault(check, {})[verdict] = count
    return found


def _examples(flags: Iterable[tuple[int, Flag]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for number, f in flags:
        kept = found.setdefault(f"{f.check} {f.verdict}", [])
        if len(kept) < EXAMPLES:
            kept.append(f"paper {number}, {f.entry}: {f.text}")
    return dict(sorted(found.items()))


def _sensitivity(tried: list[Tried]) -> dict[str, Any]:
    def among(wanted: list[Tried]) -> dict[str, float | int | None]:
        return share(sum(t.found for t in wanted), len(wanted))

    visible = [t for t in tried if t.case.changed and t.case.visible]
    return {
        "raw": among(tried),
        "changed_and_redundant": among([t for t in tried if t.case.changed and t.case.redundant]),
        "visible": among(visible),
        "found_by": _by_check([f for f in t.flags if f.verdict in GRAVE] for t in tried),
        "raised": _by_check([f for f in t.flags if f.verdict == "raised"] for t in tried),
    }


def _missed(papers: list[Outcome], error: str) -> list[str]:
    found = [
        f"paper {p.number}: {', '.join(t.case.touched)} breaks {', '.join(t.case.broken)}"
        for p in papers
        for t in p.errors
        if t.case.error == error and t.case.visible and not t.found
    ]
    return found[:EXAMPLES]


def load_result(path: Path = OUTPUT) -> dict[str, Any]:
    """The kept result of the full run."""
    return read_json(path, "run the selftest again (make selftest).")


def save(result: dict[str, Any], path: Path = OUTPUT) -> None:
    """Write the result as JSON, in a stable order."""
    write_whole(path, (json.dumps(result, indent=1, ensure_ascii=False) + "\n").encode())
