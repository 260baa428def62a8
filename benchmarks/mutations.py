"""Which slips of the record are caught, and by what: python benchmarks/mutations.py.

One digit of one printed value of PALMIRA's record is changed at random, again and again; each time
the record is read and held against the second entry, the audit's verdicts and the committed twin.
"""

from __future__ import annotations

import copy
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from pydantic import ValidationError

from palmira.audit import QUICK, audit
from palmira.record import DATA, Record, published
from palmira.record.published import checked, read_yaml
from palmira.record.schema import RecordError, Sheet
from palmira.site.measured import keep
from palmira.twin.adam.store import read
from palmira.twin.verify.recompute import beyond, verify

MUTATIONS, SEED = 500, 20261127
SECOND = Path(__file__).parents[1] / "tests" / "second_entry.csv"
WAYS = ("reading the record", "the second entry", "the audit", "the twin")


class Place(NamedTuple):
    """A digit of a printed value: its block, row, key of the row, value and character."""

    block: int
    row: int
    key: str
    value: int
    character: int


@dataclass(frozen=True)
class Known:
    """What a changed record is held against."""

    second: dict[str, str]
    verdicts: Counter[tuple[str, ...]]
    twin: dict[str, Any]


def places(data: dict[str, Any]) -> Iterator[Place]:
    """Each digit of each printed value."""
    for b, block in enumerate(data["blocks"]):
        for r, row in enumerate(block["rows"]):
            for key, texts in (("values", row["values"]), ("p", [row.get("p")])):
                for k, text in enumerate(texts):
                    digits = (c for c, x in enumerate(str(text or "")) if x.isdigit())
                    yield from (Place(b, r, key, k, c) for c in digits)


def value(data: dict[str, Any], place: Place) -> str:
    """The printed value that a place is in."""
    row = data["blocks"][place.block]["rows"][place.row]
    return row["p"] if place.key == "p" else row["values"][place.value]


def changed(data: dict[str, Any], place: Place, digit: str) -> dict[str, Any]:
    """The record's data with one digit changed."""
    old, c = value(data, place), place.character
    data = copy.deepcopy(data)
    row = data["blocks"][place.block]["rows"][place.row]
    of, key = (row, "p") if place.key == "p" else (row["values"], place.value)
    of[key] = f"{old[:c]}{digit}{old[c + 1 :]}"
    return data


def verdicts(record: Record) -> Counter[tuple[str, ...]]:
    """The audit's verdicts that are not agreement, by check and entry."""
    found = audit(record, only=QUICK)
    return Counter((c.id, c.entry, c.verdict) for c in found if c.verdict != "consistent")


def caught(data: dict[str, Any], known: Known, place: Place, digit: str) -> set[str]:
    """The ways in which one slip is caught."""
    try:
        record = checked(Sheet.model_validate(changed(data, place, digit)))
    except (ValidationError, RecordError, ValueError):
        return {WAYS[0]}
    found = set()
    if any(e.text != known.second.get(id, e.text) for id, e in record.entries.items()):
        found.add(WAYS[1])
    try:
        if verdicts(record) != known.verdicts:
            found.add(WAYS[2])
    except (RecordError, ValueError, KeyError, ZeroDivisionError):
        found.add(WAYS[2])
    held = {id: x for id, x in known.twin.items() if record[id].printed is not None}
    if any(beyond(record[id], number) > 0 for id, number in held.items()):
        found.add(WAYS[3])
    return found


def main() -> None:
    """Make the slips and print what catches them."""
    text = (DATA / "published" / "palmira.yaml").read_text("utf-8")
    data, palmira = read_yaml(text), published("palmira")
    rows = verify(read(DATA / "twin" / "full"), palmira, "full")
    held = rows[(rows["within"] == "yes") & (rows["group"] != "Dates")].set_index("id")
    with SECOND.open(encoding="utf-8", newline="") as file:
        second = {line["id"]: line["printed"] for line in csv.DictReader(file)}
    known = Known(second, verdicts(palmira), dict(held["recomputed"]))
    rng = np.random.default_rng(SEED)
    papers = [b for b, block in enumerate(data["blocks"]) if "jco" in str(block.get("source"))]
    of_paper = [place for place in places(data) if place.block in papers]
    slips = []
    for k in rng.choice(len(of_paper), MUTATIONS, replace=False):
        old = value(data, of_paper[k])[of_paper[k].character]
        slips.append((of_paper[k], str(rng.choice([d for d in "0123456789" if d != old]))))
    found = Parallel(-1)(delayed(caught)(data, known, *slip) for slip in slips)
    lines: list[list[str | int | None]] = [
        [f"By {way}", sum(way in ways for ways in found), sum(ways == {way} for ways in found)]
        for way in WAYS
    ]
    without = sum(bool(ways - {WAYS[1]}) for ways in found)
    lines += [
        ["By any", sum(bool(ways) for ways in found), None],
        ["By any but the second entry", without, None],
        [f"Changed, of {len(of_paper):,} digits", MUTATIONS, None],
    ]
    keep("mutations", ["One digit changed at random", "Detected", "By no other check"], lines)
    for (place, digit), ways in zip(slips, found, strict=True):
        if not ways:
            block = data["blocks"][place.block]
            row = block["rows"][place.row]
            print("  not caught:", block["id"], row["id"], row["values"], place, digit)


if __name__ == "__main__":
    main()
