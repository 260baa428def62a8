"""Which slips of the record are caught, and by what: python benchmarks/mutations.py.

One digit of one printed value of PALMIRA's record is changed at random, again and again; each time
the record is read and held against the second entry, the audit's verdicts and the committed twin.
"""

from __future__ import annotations

import copy
import csv
from collections import Counter
from pathlib import Path
from typing import Any

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
Place = tuple[int, int, str, int, int]


def places(data: dict[str, Any]) -> list[Place]:
    """Each digit of each printed value: block, row, key, which value, which character."""
    return [
        (b, r, key, k, c)
        for b, block in enumerate(data["blocks"])
        for r, row in enumerate(block["rows"])
        for key in ("values", "p")
        for k, text in enumerate(row[key] if key == "values" else [row.get(key)] if row.get(key)
                                 else [])
        for c, character in enumerate(str(text or ""))
        if character.isdigit()
    ]  # fmt: skip


def changed(data: dict[str, Any], place: Place, digit: str) -> dict[str, Any]:
    """The record's data with one digit changed."""
    b, r, key, k, c = place
    blocks = list(data["blocks"])
    rows = list(blocks[b]["rows"])
    row = copy.deepcopy(rows[r])
    old = row[key][k] if key == "values" else row[key]
    new = f"{old[:c]}{digit}{old[c + 1 :]}"
    if key == "values":
        row[key][k] = new
    else:
        row[key] = new
    rows[r] = row
    blocks[b] = blocks[b] | {"rows": rows}
    return data | {"blocks": blocks}


def verdicts(record: Record) -> Counter[tuple[str, ...]]:
    """The audit's verdicts that are not agreement, by check and entry."""
    found = audit(record, only=QUICK)
    return Counter((c.id, c.entry, c.verdict) for c in found if c.verdict != "consistent")


def caught(data: dict[str, Any], base: dict[str, Any], place: Place, digit: str) -> set[str]:
    """The ways in which one slip is caught."""
    try:
        record = checked(Sheet.model_validate(changed(data, place, digit)))
    except (ValidationError, RecordError, ValueError):
        return {WAYS[0]}
    found = set()
    if any(e.text != base["second"].get(id, e.text) for id, e in record.entries.items()):
        found.add(WAYS[1])
    try:
        if verdicts(record) != base["verdicts"]:
            found.add(WAYS[2])
    except (RecordError, ValueError, KeyError, ZeroDivisionError):
        found.add(WAYS[2])
    if any(beyond(record[id], number) > 0 for id, number in base["twin"].items()
           if record[id].printed is not None):  # fmt: skip
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
    base = {"second": second, "verdicts": verdicts(palmira), "twin": dict(held["recomputed"])}
    rng, every = np.random.default_rng(SEED), places(data)
    of_paper = [p for p in every if "jco" in str(data["blocks"][p[0]].get("source"))]
    chosen = rng.choice(len(of_paper), MUTATIONS, replace=False)
    jobs = []
    for k in chosen:
        b, r, key, i, c = place = of_paper[k]
        row = data["blocks"][b]["rows"][r]
        old = (row[key][i] if key == "values" else row[key])[c]
        jobs.append((place, str(rng.choice([d for d in "0123456789" if d != old]))))
    found = Parallel(-1)(delayed(caught)(data, base, *job) for job in jobs)
    rows: list[list[str | int | None]] = [
        [f"By {way}", sum(way in ways for ways in found), sum(ways == {way} for ways in found)]
        for way in WAYS
    ]
    without = sum(bool(ways - {WAYS[1]}) for ways in found)
    rows += [
        ["By any", sum(bool(ways) for ways in found), None],
        ["By any but the second entry", without, None],
        [f"Changed, of {len(of_paper):,} printed digits", MUTATIONS, None],
    ]
    keep("mutations", ["One digit changed at random: caught", "Slips", "By nothing else"], rows)
    for job, ways in zip(jobs, found, strict=True):
        if not ways:
            b, r, *_ = job[0]
            row = data["blocks"][b]["rows"][r]
            print("  not caught:", data["blocks"][b]["id"], row["id"], row["values"], job)


if __name__ == "__main__":
    main()
