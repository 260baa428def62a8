"""The command ``palmira``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from palmira.audit import MEANINGS as AUDIT_MEANINGS
from palmira.audit import NAMES, WEIGHT, Check, Verdict, audit
from palmira.readings.ledger import MEANINGS, LedgerEntry, ledger, on_twins
from palmira.record import comparators, load, published
from palmira.record.schema import RecordError
from palmira.twin.adam.store import committed

BAD_INPUT = 2
STOPPED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status (2 for input that cannot be used)."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except RecordError as error:
        print(f"palmira: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="palmira", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    book = commands.add_parser("ledger", help="every printed number beside what it comes to")
    book.add_argument("--record", type=Path, help="a record of your own, in place of PALMIRA's")
    book.add_argument("--json", action="store_true", help="for machines")
    book.add_argument("--verdict", choices=list(MEANINGS), help="only this verdict")
    book.set_defaults(run=_ledger)
    check = commands.add_parser("audit", help="do the numbers of a record agree with each other?")
    check.add_argument("record", type=Path, help="a record (YAML)")
    check.add_argument("--json", action="store_true", help="for machines")
    check.add_argument("--only", metavar="CHECKS", help="only these checks, as in A1,C3")
    words = "the mildest verdict to show; by default all with --json, else all but consistent"
    known = list(AUDIT_MEANINGS)
    check.add_argument("--min-verdict", choices=known, metavar="VERDICT", help=words)
    check.set_defaults(run=_audit)
    twin = commands.add_parser("twin", help="synthetic patients whose statistics are a record's")
    twin.add_argument("record", type=Path, help="a record (YAML)")
    twin.add_argument("--out", type=Path, required=True, help="folder for the data sets (CSV)")
    twin.add_argument("--seed", type=int, default=1, help="the same seed, the same files")
    words = "how printed hazard ratios are read; neutral: as ordinary ones"
    twin.add_argument("--scale", choices=["full", "neutral"], default="neutral", help=words)
    twin.add_argument("--quick", action="store_true", help="curves only, in under a minute")
    twin.set_defaults(run=_twin)
    return parser


def _audit(options: argparse.Namespace) -> int:
    record = load(options.record)
    only = [name.strip() for name in options.only.split(",")] if options.only else None
    if unknown := sorted(set(only or ()) - set(NAMES)):
        raise RecordError(f"--only: unknown check {unknown}. Mend: use {', '.join(NAMES)}.")
    checks = audit(record, comparators(), only)
    least: Verdict = options.min_verdict or ("consistent" if options.json else "rounding")
    shown = [c for c in checks if WEIGHT[c.verdict] >= WEIGHT[least]]
    if options.json:
        found = {"trial": record.trial, "checks": [c.shown() for c in shown]}
        json.dump(found, sys.stdout, ensure_ascii=False, indent=1)
        print()
    else:
        _print_audit(record.trial, checks, shown)
    return int(any(WEIGHT[c.verdict] >= WEIGHT["inconsistent"] for c in checks))


def _console() -> Console:
    """A console that takes what a record prints as it stands, brackets and colons included."""
    return Console(markup=False, emoji=False)


def _print_audit(trial: str, checks: list[Check], shown: list[Check]) -> None:
    console = _console()
    table = Table(title=f"{trial}: do the printed numbers agree with each other?", expand=True)
    table.add_column("check", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for column, share in {"entry": 5, "printed": 4, "recomputed": 4, "how": 9}.items():
        table.add_column(column, overflow="fold", ratio=share)
    for c in sorted(shown, key=lambda c: -WEIGHT[c.verdict]):
        table.add_row(c.id, c.verdict, c.entry, c.printed, c.recomputed, c.detail)
    console.print(table)
    counts = Counter(c.verdict for c in checks)
    for verdict in reversed(AUDIT_MEANINGS):
        if counts[verdict]:
            console.print(f"{counts[verdict]:5d}  {verdict}: {AUDIT_MEANINGS[verdict]}")
    console.print("The audit speaks of consistency only; it cannot tell how a number came to be.")


def _twin(options: argparse.Namespace) -> int:
    try:
        from palmira.twin.search.make import make, notes
    except ImportError as error:
        mend = "Mend: pip install 'palmira[twin]'."
        raise RecordError(f"{error.name} is not installed. {mend}") from None
    effort = "quick" if options.quick else "full"
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Reading the record", total=1.0)

        def tell(words: str, share: float) -> None:
            progress.update(task, description=words, completed=share)

        try:
            patients = make(options.record, options.out, options.seed, options.scale, effort, tell)
        except KeyboardInterrupt:
            progress.stop()
            print("palmira: stopped; the same command goes on from here.", file=sys.stderr)
            return STOPPED
    print(f"{len(patients)} synthetic patients in {options.out}")
    for note in notes(load(options.record)):
        print(note)
    return 0


def _ledger(options: argparse.Namespace) -> int:
    record = load(options.record) if options.record else published("palmira")
    others = comparators()
    given = on_twins(record, committed(record.trial), others)
    entries = ledger(record, others, given)
    entries = [e for e in entries if options.verdict in (None, e.verdict)]
    if options.json:
        json.dump({"entries": [vars(e) for e in entries]}, sys.stdout, ensure_ascii=False, indent=1)
        print()
    else:
        _print(record.trial, entries)
    return 0


def _print(trial: str, entries: list[LedgerEntry]) -> None:
    table = Table(title=f"{trial}: published against recomputed", expand=True)
    for column in ("entry", "printed", "recomputed", "verdict", "how, or why not"):
        table.add_column(column, overflow="fold")
    for e in entries:
        table.add_row(e.id, e.printed, e.recomputed, e.verdict, e.method)
    console = _console()
    console.print(table)
    for verdict, count in Counter(e.verdict for e in entries).most_common():
        console.print(f"{count:5d}  {verdict}: {MEANINGS[verdict]}")
