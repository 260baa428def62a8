"""Tables of the audit: what agrees, the findings by weight, the other trials."""

from __future__ import annotations

import pandas as pd

from palmira.audit import MEANINGS, Check
from palmira.findings import ORDER, Fact, by_question, facts, name
from palmira.readings import reading, widest_se
from palmira.record import Record
from palmira.show.exhibits import Table
from palmira.show.formats import tidy

WORSE = ("inconsistent", "impossible")
OTHER = ("rounding", "information", "not checkable")
# Checks whose rows say nothing by themselves; other chapters show them.
BACKGROUND = ("A4", "C7", "D1")


def questions(checks: list[Check]) -> Table:
    """Comparisons by question, and how many of them agree."""
    counts = by_question(checks)
    rows = [
        {
            "Question": question, "Comparisons": line["comparisons"], "Agree": line["consistent"],
            "Do not": sum(line[v] for v in WORSE), "Other": sum(line[v] for v in OTHER),
        }
        for question, line in counts.iterrows()
    ]  # fmt: skip
    whole = {"Question": "All"}
    whole |= {c: sum(r[c] for r in rows) for c in ("Comparisons", "Agree", "Do not", "Other")}
    notes = (
        "Do not: inconsistent or impossible. Other: agrees only if the print was cut off instead "
        "of rounded, is shown as information, or lacks something to be held against.",
    )
    return Table(pd.DataFrame([*rows, whole]), counts.reset_index(), notes=notes)


def agreements(record: Record, checks: list[Check], entries: tuple[str, ...]) -> Table:
    """Some comparisons that agree: the numbers of ``entries`` in print and recomputed.

    Raises ``ValueError`` for an entry that no check found consistent.
    """
    rows = []
    for id in entries:
        agree = [c for c in checks if c.entry == id and c.verdict == "consistent"]
        if not agree:
            raise ValueError(f"{id}: no check finds it consistent")
        rows.append(
            {
                "What": name(record, id), "Printed": agree[0].printed,
                "Recomputed": tidy(agree[0].recomputed, agree[0].printed),
                "How": _sentence(agree[0].detail.partition(";")[0]),
            }
        )  # fmt: skip
    notes = (
        "Two numbers agree if the rounding of what goes into them lets them, so the last digits "
        "of the two columns may differ.",
    )
    return Table(pd.DataFrame(rows), notes=notes)


def impossible(record: Record, found: list[Fact]) -> Table:
    """Hazard ratios whose interval is too narrow: its standard error at most, and the least one."""
    rows, data = [], []
    for fact in found:
        cell = next((c for c in fact.cells if c.startswith("figure3")), fact.cells[0])
        r, (a, *b) = reading(record, cell), reading(record, cell).events
        least = f"√(1/{a} + 1/{b[0]})" if b else f"2/√{a}"
        rows.append(
            {
                "Hazard ratio": name(record, cell), "Printed": r.texts["printed"],
                "SE in print, at most": f"{r.widest_se:.3f}",
                "SE at least": f"{least} = {r.ways.smallest_se:.3f}",
                "Neutral": r.texts["neutral"], "Full scale": r.texts["conditional"],
            }
        )  # fmt: skip
        data.append({"cell": cell, "places": len(fact.cells), "events": r.events_text,
                     "printed": r.texts["printed"], "widest_se": r.widest_se,
                     "least_se": r.ways.smallest_se, "neutral": r.texts["neutral"],
                     "conditional": r.texts["conditional"]})  # fmt: skip
    notes = (
        "SE: standard error of the logarithm of the hazard ratio. At most: at the widest rounding "
        "of the limits. Neutral (derived) and full scale (conditional): the two other readings of "
        "each hazard ratio. Where the events of the arms are not given, they are split evenly, the "
        "most favorable case.",
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(data), notes=notes)


def findings(record: Record, found: list[Fact]) -> Table:
    """Facts of one weight: what is printed, what it comes to, and the arithmetic."""
    rows = []
    for fact in found:
        ids = [c.entry for c in fact.checks]
        pairs = {(c.printed, tidy(c.recomputed, c.printed)): None for c in fact.checks}
        rows.append(
            {
                "What": name(record, ids[0]),
                "Printed": "; ".join(dict.fromkeys(p for p, _ in pairs if p)),
                "Comes to": "; ".join(dict.fromkeys(r for _, r in pairs if r)),
                "How": _sentence("; ".join(dict.fromkeys(c.detail for c in fact.checks))),
                "Of": _whose(record, ids[0]),
            }
        )  # fmt: skip
    frame = pd.DataFrame(rows).sort_values("Of", kind="stable", ascending=False)
    group = "Of" if len(set(frame["Of"])) > 1 else None
    frame = frame if group else frame.drop(columns="Of")
    data = pd.DataFrame(
        [
            {"check": c.id, "entry": c.entry, "printed": c.printed, "recomputed": c.recomputed,
             "verdict": c.verdict, "detail": c.detail}
            for fact in found for c in fact.checks
        ]
    )  # fmt: skip
    return Table(frame, data, group=group)


def _whose(record: Record, id: str) -> str:
    entry = next((e for e in record.entries.values() if e.id.startswith(id)), None)
    own = entry is None or entry.quotes is None
    return "The trial's own numbers" if own else "Numbers quoted from other trials"


def _sentence(text: str) -> str:
    word = text.split(" ")[0]
    return text[:1].upper() + text[1:] if word.islower() and len(word) > 1 else text


def telling(record: Record, checks: list[Check]) -> list[Fact]:
    """The facts shown as information, without those that other chapters show in full."""
    found = facts(record, checks, "information")
    return [f for f in found if not all(c.id in BACKGROUND for c in f.checks)]


def trials(audits: dict[str, list[Check]], records: dict[str, Record]) -> Table:
    """Comparisons by trial and verdict, and the number of facts behind those that do not agree."""
    rows = []
    for key, checks in audits.items():
        counts = {v: sum(c.verdict == v for c in checks) for v in MEANINGS}
        behind = sum(len(facts(records[key], checks, v)) for v in ORDER if v in WORSE)
        rows.append(
            {"Trial": records[key].trial, "Comparisons": len(checks)}
            | {v.capitalize(): n for v, n in counts.items()}
            | {"Facts": behind}
        )
    data = pd.DataFrame(rows)
    said = [f"{n} in {t}" for t, n in zip(data["Trial"], data["Facts"], strict=True) if n]
    notes = (f"Facts behind the last two columns, each counted once: {', '.join(said)}.",)
    return Table(data.drop(columns="Facts"), data, notes=notes)


def other_findings(
    records: dict[str, Record], audits: dict[str, list[Check]], verdicts: tuple[str, ...]
) -> Table:
    """What stands out in several trials, by trial."""
    frames, data = [], []
    for key, record in records.items():
        for verdict in (v for v in ORDER if v in verdicts):
            found = facts(record, audits[key], verdict)
            found = [f for f in found if not all(c.id in BACKGROUND for c in f.checks)]
            if found:
                table = findings(record, found)
                shown = table.frame.drop(columns=table.group) if table.group else table.frame
                shown.insert(1, "Verdict", verdict)
                frames.append(shown.assign(Trial=record.trial))
                numbers = table.frame if table.data is None else table.data
                data.append(numbers.assign(trial=record.trial))
    return Table(pd.concat(frames), pd.concat(data), group="Trial")


def genuine(record: Record, cells: list[str]) -> Table:
    """Hazard ratios with their events, and printed over least standard error with rounding."""
    rows, data = [], []
    for cell in cells:
        r = reading(record, cell)
        rows.append(
            {
                "Patients": record[f"{cell}.estimate"].label, "Printed": r.printed_text,
                "Events": r.events_text.removesuffix(" events"),
                "SE in print": f"{r.ways.printed_se:.3f}",
                "SE at least": f"{r.ways.smallest_se:.3f}",
                "Printed / least": f"{r.ways.se_ratio:.3f}",
                "With rounding, up to": f"{r.largest_ratio:.3f}",
            }
        )  # fmt: skip
        data.append({"cell": cell, "se": r.ways.printed_se, "widest_se": widest_se(record, cell),
                     "least_se": r.ways.smallest_se, "ratio": r.ways.se_ratio,
                     "largest_ratio": r.largest_ratio})  # fmt: skip
    return Table(pd.DataFrame(rows), pd.DataFrame(data))
