"""Tables of the ledger."""

from __future__ import annotations

import pandas as pd

from palmira.exhibits import Table
from palmira.ledger import MEANINGS, LedgerEntry
from palmira.ledger.book import AGAIN, frame
from palmira.prose import chapter_name
from palmira.tables.consistency import tidy

SHOWN = {"label": "Number", "printed": "Printed", "recomputed": "Recomputed", "verdict": "Verdict"}


def narrow_limits(entries: list[LedgerEntry]) -> list[str]:
    """Ids of limits of hazard ratios' intervals that are narrower than their events allow."""
    return [
        e.id for e in entries
        if e.verdict == "inconsistent" and e.id.endswith((".lower", ".upper"))
        and e.method.startswith("SE ") and "events" in e.method
    ]  # fmt: skip


def printed_twice(entries: list[LedgerEntry]) -> list[str]:
    """Ids of numbers reproduced by another print: in the paper, or in a source that it quotes."""
    again = (AGAIN, "as the source in use has it")
    return [
        e.id for e in entries if e.verdict == "reproduced" and any(how in e.method for how in again)
    ]


def summary(entries: list[LedgerEntry]) -> Table:
    """Number of entries by chapter and verdict."""
    data = frame(entries)
    counts = pd.crosstab(data["chapter"], data["verdict"])
    counts = counts.reindex(columns=[v for v in MEANINGS if v in counts])
    counts = counts.assign(total=counts.sum(axis=1))
    counts.loc["all chapters"] = counts.sum()
    shown = counts.rename(index=chapter_name).reset_index().rename(columns={"chapter": "Chapter"})
    return Table(shown.astype(object).map(lambda v: "" if v == 0 else v), counts.reset_index())


def findings(entries: list[LedgerEntry], verdicts: tuple[str, ...]) -> Table:
    """The entries with one of ``verdicts``, each with the reason, by place in the paper."""
    data = frame([e for e in entries if e.verdict in verdicts])
    words = data["label"].str.replace("_", " ").str.replace(r", p$", ", P", regex=True)
    names = SHOWN | {"place": "Place", "method": "How, or why not"}
    values = [tidy(a, b) for a, b in zip(data["recomputed"], data["printed"], strict=True)]
    shown = data.assign(label=words, recomputed=values).rename(columns=names)
    columns = ["Place", *SHOWN.values(), "How, or why not"]
    if len(verdicts) == 1:
        columns.remove("Verdict")
    notes = (
        "Reproduced on the twin: synthetic, from invented patients that were made to fit the "
        "print. Each line of the data has its own evidence class.",
    )
    return Table(
        shown[columns].sort_values("Place", kind="stable"), data, group="Place",
        notes=notes if "synthetic" in set(data["evidence"]) else (),
    )  # fmt: skip


def whole(entries: list[LedgerEntry], chapter: str) -> Table:
    """All entries that one chapter discusses."""
    return findings([e for e in entries if e.chapter == chapter], tuple(MEANINGS))
