"""Tables of the patients at baseline."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from palmira.balance import characteristics
from palmira.entries import Entry
from palmira.record import Record
from palmira.show.exhibits import Table

REPAIRED, NOTED = "†", "§"
COLUMNS = ("palbociclib", "et", "total")


def _headings(record: Record, columns: tuple[str, ...]) -> dict[str, str]:
    return {
        arm: f"{record.sheet.arms[arm].label} (n = {record.size('randomized', arm)})"
        for arm in columns
    }


def printed_characteristics(record: Record) -> Table:
    """The paper's baseline table, cell by cell as printed, with a mark on what was repaired."""
    names = list(record.block("table1").columns)
    headings = _headings(record, tuple(names))
    lines, data = [], []
    for row in record.block("table1").rows:
        text = dict(zip(names, row.values, strict=True))
        label = row.category or (f"Median (range), {row.unit}" if row.cell else row.label)
        marked = {n: f"{t or ''}{REPAIRED if n in row.repairs else ''}" for n, t in text.items()}
        cells = {
            headings[n]: v.replace("; ", " to ") if ";" in v else v.replace(" (", "\u00a0(")
            for n, v in marked.items()
        }
        lines.append(
            {"Factor": row.factor, "Characteristic": label + NOTED * bool(row.note), **cells}
        )
        repaired = "; ".join(row.repairs)
        data.append({"factor": row.factor, "characteristic": label, **text, "repaired": repaired})
    footnote = record["table1_footnote.ecog2.count"]
    arm = record.sheet.arms[str(footnote.arm)].label
    notes = (
        "Number of patients (percent of the arm) unless said otherwise.",
        f"{REPAIRED} Damaged in the text at hand and repaired from the other cells; the chapter on "
        "the record says how. Where no percent is shown, it was not legible.",
        f"{NOTED} The record has a note on this row: a label that was not legible, or a "
        "print that does not add up.",
        f"ECOG {footnote.category}: {footnote} of the {arm} patients (the paper's footnote). "
        "ER, estrogen receptor; PgR, progesterone receptor; ET, endocrine therapy.",
    )
    return Table(pd.DataFrame(lines), pd.DataFrame(data), group="Factor", notes=notes)


def recomputed_characteristics(record: Record) -> Table:
    """Percents computed anew, what differs in print, and standardized mean differences."""
    frame = characteristics(record)
    headings = _headings(record, COLUMNS)
    lines = []
    for row in frame.itertuples(index=False):
        shares = {
            "palbociclib": (row.count, row.n), "et": (row.control_count, row.control_n),
            "total": (row.total, row.total_n),
        }  # fmt: skip
        cells = {headings[a]: f"{100 * k / n:.1f}" for a, (k, n) in shares.items()}
        base = "" if row.n == record.size("randomized", "palbociclib").value else " ‡"
        lines.append(
            {"Factor": f"{row.factor}{base}", "Characteristic": row.category, **cells,
             "SMD": f"{row.smd:+.2f}".replace("-", "−"),
             "In print": "; ".join(remarks(record, row.row, shares, row.place))}
        )  # fmt: skip
    advanced = [record.size("prior_advanced", a).text for a in COLUMNS]
    notes = (
        "Percent of patients, from the printed counts; all patients are the sum of the arms.",
        "SMD, standardized mean difference, each level against the rest: positive where the level "
        "is more frequent with palbociclib.",
        f"‡ Percents of the {advanced[0]}, {advanced[1]} and {advanced[2]} patients whose previous "
        "palbociclib was for advanced disease. Age groups are those of the paper's Figure 3.",
    )
    data = frame.drop(columns=["row"]).rename(columns={"low": "chance_low", "high": "chance_high"})
    return Table(pd.DataFrame(lines), data, group="Factor", notes=notes)


def remarks(
    record: Record, row: str, shares: dict[str, tuple[int, int]], place: str = "Table 1"
) -> Iterator[str]:
    """What a row prints that its counts do not give; ``shares`` are count and n by arm."""
    if place != record.block("table1").place:
        yield f"counts from {place}"
        return
    legible = True
    for arm, (count, n) in shares.items():
        cell = record.cell(record[f"table1.{row}.{arm}.count"])
        label = record.sheet.arms[arm].label
        if cell["count"].value != count:
            yield f"{label}: {_cell(cell)}, but the arms add up to {count}"
        elif "percent" not in cell:
            legible = False
        else:
            yield from _percent(cell["percent"], 100 * count / n, label)
    if not legible:
        yield "percent of an arm not legible"


def _cell(cell: dict[str, Entry]) -> str:
    return f"{cell['count']} ({cell['percent']})" if "percent" in cell else cell["count"].text


def _percent(entry: Entry, value: float, label: str) -> Iterator[str]:
    printed = entry.printed
    if printed is None or printed.rounds_from(value):
        return
    exact = f"{value:.{printed.decimals + 1}f}"
    how = "cut off" if printed.truncates_from(value) else "recomputed"
    yield (
        f"{label}: {entry}, {how} from {exact}"
        if how == "cut off"
        else (f"{label}: {entry}, but {exact} {how}")
    )


def denominators_that_fit(record: Record, factor: str) -> dict[str, int]:
    """How many of a factor's printed percents fit each analysis set, and how many there are.

    Keys: the analysis sets, and "printed".
    """
    cells = [
        record.cell(e)
        for e in record.entries.values()
        if e.block == "table1" and e.factor == factor and e.part == "percent"
    ]
    fits = {
        name: sum(
            c["percent"].printed.rounds_from(100 * c["count"].value / record.size(name, arm).value)
            for c in cells
            if (arm := c["count"].arm) and c["percent"].printed is not None
        )
        for name in ("randomized", "prior_advanced")
    }
    return {"printed": len(cells), **fits}
