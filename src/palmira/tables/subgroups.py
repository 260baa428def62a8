"""Tables of the subgroups: as printed, three readings, sums, interaction, credibility."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from palmira.entries import Entry
from palmira.estimates import log_se
from palmira.figures.analyses import ORDER
from palmira.figures.subgroups import few_events_note
from palmira.figures.twin import TWINS, cox_result
from palmira.hazard_ratios import interaction
from palmira.record import Record
from palmira.show.exhibits import Table
from palmira.subgroups import (
    READINGS,
    Interaction,
    Subgroup,
    by_factor,
    interactions,
    subgroups,
    two_arms,
)

ALL = "All patients"


def _printed(line: Subgroup, column: str, parts: tuple[str, ...], layout: str) -> str:
    """A printed cell put together again from its entries' own strings."""
    found = [line.cells.get(f"{column}.{part}") for part in parts]
    return "" if None in found else layout.format(*(e.text for e in found if e))


def p_text(p: float) -> str:
    """A P value with three decimals, as the paper prints it: ``.149``."""
    return f"{p:.3f}".removeprefix("0")


def _tied(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with limits, counts and sums that a narrow column does not break."""
    ties = {" to ": "\u00a0to\u00a0", " / ": "\u00a0/\u00a0", " + ": "\u00a0+\u00a0"}
    for apart, tied in ties.items():
        frame = frame.map(lambda cell, a=apart, t=tied: cell.replace(a, t))
    return frame


def _interval(line: Subgroup, column: str) -> str:
    return _printed(line, column, ("estimate", "lower", "upper"), "{} ({} to {})")


def printed_subgroups(record: Record) -> Table:
    """The printed subgroup figure as a table, every cell as the paper prints it."""
    labels = {a: record.sheet.arms[a].label for a in two_arms(record)}
    rows = []
    for line in subgroups(record):
        row = {"Factor": line.factor or ALL, "Level": line.label if line.factor else "All"}
        for arm, label in labels.items():
            row[f"{label}: events / n (%)"] = _printed(
                line, f"{arm}.events", ("events", "n", "percent"), "{} / {} ({})"
            )
            row[f"{label}: median PFS, months (95% CI)"] = _interval(line, f"{arm}.median")
        row["Adjusted HR (95% CI)"] = _interval(line, "hazard_ratio")
        row["Interaction P"] = _printed(line, "interaction", ("p",), "{}")
        rows.append(row)
    frame = pd.DataFrame(rows)
    return Table(
        _tied(frame), frame, group="Factor",
        notes=("NA: the figure's mark for an upper limit of a median that was not reached.",),
    )  # fmt: skip


def hazard_ratio_readings(record: Record) -> Table:
    """Every hazard ratio of the subgroup figure in three readings."""
    lines = subgroups(record)
    frame = pd.DataFrame(
        [
            {
                "Factor": line.factor or ALL,
                "Level": (line.label if line.factor else "All") + (" *" if line.few else ""),
                "Printed": _interval(line, "hazard_ratio"),
                "Neutral (derived)": line.ways.neutral.text(),
                "Full scale (conditional)": line.ways.conditional.text(),
                "SE printed / least": f"{line.ways.printed_se:.3f} / {line.ways.smallest_se:.3f}",
            }
            for line in lines
        ]
    )
    data = pd.DataFrame(
        [
            {
                "factor": line.factor, "level": line.label, "reading": name,
                "hazard_ratio": e.value, "lower": e.lower, "upper": e.upper,
                "interval_percent": e.level, "se_log": line.errors[name],
            }
            for line in lines for name, e in line.readings.items()
        ]
    )  # fmt: skip
    return Table(_tied(frame), data, group="Factor", notes=(few_events_note(record),))


def factor_sums(record: Record) -> Table:
    """Events and patients of each factor's levels, added up by arm and held against the totals."""
    labels = [record.sheet.arms[a].label for a in two_arms(record)]
    lines = subgroups(record)
    whole = next(line for line in lines if line.factor is None)
    shown, data = [], []
    for factor, levels in by_factor(lines).items():
        row: dict[str, str] = {"Factor": factor}
        agree = True
        for arm, label in enumerate(labels):
            for what in ("events", "n"):
                parts = [getattr(line, what)[arm] for line in levels]
                total = getattr(whole, what)[arm]
                word = "events" if what == "events" else "patients"
                row[f"{label}: {word}"] = f"{' + '.join(map(str, parts))} = {sum(parts)}"
                agree &= sum(parts) == total
                data.append({"factor": factor, "arm": label, "what": word, "sum": sum(parts),
                             "printed_total": total, "agrees": sum(parts) == total})  # fmt: skip
        shown.append(row | {"Agrees with all patients": "yes" if agree else "no"})
    printed = {
        f"{label}: {word}": str(getattr(whole, what)[arm])
        for arm, label in enumerate(labels)
        for what, word in (("events", "events"), ("n", "patients"))
    }
    shown.append({"Factor": f"{ALL}, printed", **printed, "Agrees with all patients": ""})
    return Table(_tied(pd.DataFrame(shown)), pd.DataFrame(data))


def interaction_tests(record: Record) -> Table:
    """P values of interaction: printed, from the printed subgroups, neutral and full scale."""
    tests = interactions(subgroups(record))
    frame = pd.DataFrame(
        [
            {
                "Factor": t.factor,
                "P printed": "" if t.printed is None else t.printed.text,
                "z, from the printed rows": f"{t.z['printed']:.2f}",
                "P, from the printed rows (rounding)": (
                    f"{p_text(t.p['printed'])} ({p_text(t.p_range[0])} to {p_text(t.p_range[1])})"
                ),
                "Printed P within rounding": "yes" if covers(t) else "no",
                "P, neutral": p_text(t.p["neutral"]),
                "P, full scale": p_text(t.p["conditional"]),
            }
            for t in tests
        ]
    )
    data = pd.DataFrame(
        [
            {
                "factor": t.factor, "first_level": t.levels[0].label,
                "second_level": t.levels[1].label, "p_printed": t.printed and t.printed.value,
                "p_low": t.p_range[0], "p_high": t.p_range[1],
                **{f"z_{k}": t.z[k] for k in READINGS}, **{f"p_{k}_rows": t.p[k] for k in READINGS},
            }
            for t in tests
        ]
    )  # fmt: skip
    return Table(_tied(frame), data)


def twin_interactions(record: Record, verified: Mapping[str, pd.DataFrame]) -> Table:
    """P of interaction by a joint Cox model of all invented patients, and from the two levels'
    separate models, on both twins; beside the printed P.

    ``verified`` holds the checked rows of each twin by scale ("neutral", "full").
    """
    rows, data = [], []
    for t in interactions(subgroups(record)):
        row = {"Factor": t.factor, "P printed": "" if t.printed is None else t.printed.text}
        for scale in ORDER:
            found = verified[scale].set_index("id")["recomputed"]
            joint = float(found[t.printed.id]) if t.printed else float("nan")
            e = [cox_result(verified[scale], f"figure3.{x.row}.hazard_ratio")[0] for x in t.levels]
            errors = [log_se(x.lower, x.upper, x.level) for x in e]
            separate = interaction(e[0].value, errors[0], e[1].value, errors[1])[1]
            row[f"{TWINS[scale]}: joint model"] = p_text(joint)
            row[f"{TWINS[scale]}: two models"] = p_text(separate)
            data.append({"factor": t.factor, "twin": scale, "p_joint": joint,
                         "p_separate": separate})  # fmt: skip
        rows.append(row)
    notes = (
        "Joint model: Cox, arm, factor and their product beside the factors of stratification. Two "
        "models: one a level, compared as independent estimates.",
    )
    return Table(_tied(pd.DataFrame(rows)), pd.DataFrame(data), notes=notes)


def covers(test: Interaction) -> bool:
    """Whether the printed P value lies in the range that the rounding of its rows leaves open."""
    entry: Entry | None = test.printed
    if entry is None or entry.printed is None:
        return False
    low, high = test.p_range
    return low <= entry.printed.high and entry.printed.low <= high


def credibility(record: Record, prespecified: str, external: str) -> Table:
    """Questions to ask of a subgroup claim, with what the record answers.

    ``prespecified`` and ``external`` are the chapter's words on what no number can answer.
    """
    lines = subgroups(record)
    tests = interactions(lines)
    levels = [line for line in lines if line.factor]
    p = [t.p["printed"] for t in tests]
    neutral = [t.p["neutral"] for t in tests]
    smallest = min(sum(line.events) for line in levels)
    largest = max(sum(line.events) for line in levels)
    whole = next(line for line in lines if line.factor is None)
    rows = [
        ("Was it planned, with a direction?", prespecified),
        (
            "Was it one of few?",
            f"No: {len(tests)} factors, {len(levels)} subgroups, no adjustment for their number "
            "that we could see.",
        ),
        (
            "Was there power?",
            f"No: {smallest} to {largest} events a subgroup, {sum(whole.events)} in all. To see "
            "an interaction as large as the overall effect takes about four times the events that "
            "the overall effect takes.",
        ),
        (
            "Does chance explain the difference?",
            f"It can: P of interaction is {p_text(min(p))} or more from the printed rows and "
            f"{p_text(min(neutral))} or more in the neutral reading.",
        ),
        ("Do other trials show the same?", external),
        (
            "Is the direction the same everywhere?",
            f"{sum(x.ways.printed.value < 1 for x in levels)} of {len(levels)} estimates lie below "
            "1: the subgroups differ in the size of the estimate more than in its direction.",
        ),
    ]
    return Table(pd.DataFrame(rows, columns=["Question", record.trial]))
