"""The command ``palmira``."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from palmira.ledger import MEANINGS, LedgerEntry, ledger
from palmira.record import comparators, load, published
from palmira.schema import RecordError

BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status (2 for input that cannot be used)."""
    parser = argparse.ArgumentParser(prog="palmira", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    book = commands.add_parser("ledger", help="every printed number beside what it comes to")
    book.add_argument("--record", type=Path, help="a record of your own, in place of PALMIRA's")
    book.add_argument("--json", action="store_true", help="for machines")
    book.add_argument("--verdict", choices=list(MEANINGS), help="only this verdict")
    book.set_defaults(run=_ledger)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except RecordError as error:
        print(f"palmira: {error}", file=sys.stderr)
        return BAD_INPUT


def _ledger(options: argparse.Namespace) -> int:
    record = load(options.record) if options.record else published("palmira")
    entries = [e for e in ledger(record, comparators()) if options.verdict in (None, e.verdict)]
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
        table.add_row(e.id, e.printed, e.recomputed, e.verdict, e.reason or e.method)
    console = Console()
    console.print(table)
    for verdict, count in Counter(e.verdict for e in entries).most_common():
        console.print(f"{count:5d}  {verdict}: {MEANINGS[verdict]}")
