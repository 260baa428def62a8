"""Tables of the home page: the results in one view, the ledger in one view."""

from __future__ import annotations

import pandas as pd

from palmira.ledger import MEANINGS, LedgerEntry
from palmira.record import Record
from palmira.show.exhibits import Table

ARMS = ("palbociclib", "et")
RESULTS = {
    "Efficacy, all patients": {
        "Median PFS, months": "results.pfs.median",
        "6-month PFS, %": "results.pfs.rate_6",
        "12-month PFS, %": "results.pfs.rate_12",
        "Objective response, %": "results.orr",
        "Clinical benefit, %": "results.cbr",
        "Median overall survival, months": "results.os.median",
    },
    "Safety, treated patients": {
        "Adverse event of grade 3 or higher, n (%)": "safety.teae.grade3",
        "Serious adverse event, n (%)": "safety.serious",
        "Stopped for an adverse event, n (%)": "safety.discontinued",
    },
}


def printed_cell(record: Record, row_id: str, column: str) -> str:
    """A whole cell as the paper prints it, by ``block.row`` and column; empty where it has none."""
    block_id, row_id = row_id.split(".", 1)
    block = record.block(block_id)
    row = next(r for r in block.rows if r.id == row_id)
    return row.values[list(block.columns).index(column)] or ""


def key_results(record: Record) -> Table:
    """What happened in each arm, as printed."""
    rows = [
        {"Group": group, "Outcome": label}
        | {record.sheet.arms[a].label: printed_cell(record, row_id, a) for a in ARMS}
        for group, outcomes in RESULTS.items()
        for label, row_id in outcomes.items()
    ]
    notes = (
        "Intervals are 95% confidence intervals as printed. Adjustment for multiplicity is not "
        "stated: outcomes other than PFS are descriptive.",
    )
    return Table(pd.DataFrame(rows), group="Group", notes=notes)


def verdict_counts(entries: list[LedgerEntry]) -> Table:
    """Printed numbers by verdict, with the meaning of each verdict."""
    counts = pd.Series([e.verdict for e in entries]).value_counts()
    data = pd.DataFrame(
        [(v, int(counts[v]), meaning) for v, meaning in MEANINGS.items() if v in counts],
        columns=["Verdict", "Numbers", "Meaning"],
    )
    total = pd.DataFrame([("all", len(entries), "")], columns=list(data.columns))
    return Table(pd.concat([data, total], ignore_index=True))
