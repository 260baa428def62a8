"""Adverse events by arm, from a table by maximum severity, and benefit beside harm."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from palmira.estimates import Estimate
from palmira.landmarks import difference, from_interval
from palmira.proportions import count_from_percent, risk_difference, risk_ratio
from palmira.record import Record

GRADES = ("1-2", "3", "4", "5")
SEVERE = "3-5"
SPANS = {"any": GRADES, SEVERE: ("3", "4", "5"), "3-4": ("3", "4"), "4-5": ("4", "5")}
CLASSES = ("Hematologic", "Nonhematologic")


def arms(record: Record) -> dict[str, str]:
    """The names of the experimental and the control arm by role."""
    return {
        arm.role: name
        for name, arm in record.sheet.arms.items()
        if arm.role in ("experimental", "control")
    }


def adverse_events(record: Record, block: str = "table2") -> pd.DataFrame:
    """Patients by adverse event, arm and maximum grade: term, section, role, grade, count, n.

    A table by maximum severity counts each patient once in a row, so grade 1-2 is what grades 3, 4
    and 5 leave of any grade. Raises ``ValueError`` where they leave less than nothing, or where the
    table lacks a grade's column and the text does not show that the grade did not occur.
    """
    frame = record.frame
    cells = frame[(frame.block == block) & (frame.part == "count") & (frame.version == 0)]
    lines: list[dict[str, object]] = []
    for role, arm in arms(record).items():
        mine = cells[cells.arm == arm]
        missing = [g for g in GRADES[1:] if g not in set(mine.grade)]
        if missing:
            _prove_empty(record, mine, arm, missing)
        section = ""
        for term, row in mine.groupby("term", sort=False):
            count = {str(g): int(v) for g, v in zip(row.grade, row.value, strict=True)}
            severe = {g: count.get(g, 0) for g in GRADES[1:]}
            mild = count["any"] - sum(severe.values())
            if mild < 0:
                raise ValueError(f"{term}, {arm}: the grades exceed any grade")
            section = str(term) if term in CLASSES else section
            n = int(record.size(str(row.population.iloc[0]), arm).value)
            lines += [
                {"term": term, "section": section, "role": role, "grade": g, "count": c, "n": n}
                for g, c in {"1-2": mild, **severe}.items()
            ]
    return pd.DataFrame(lines)


def _prove_empty(record: Record, rows: pd.DataFrame, arm: str, missing: list[str]) -> None:
    """A grade without a column is empty if the printed grades of the total row fill it up."""
    printed = rows[(rows.term == "Any") & rows.grade.isin(SPANS[SEVERE])].value.sum()
    frame = record.frame
    text = frame[(frame.term == "Any") & (frame.grade == SEVERE) & (frame.arm == arm)
                 & (frame.part == "count")]  # fmt: skip
    if text.empty or text.value.iloc[0] != printed:
        raise ValueError(f"{arm}: no column for grade {', '.join(missing)}, and no proof of none")


def by_span(events: pd.DataFrame) -> pd.DataFrame:
    """Patients with any grade, grade 3 or higher, 3 or 4, 4 or higher; one line a term and span.

    Columns: term, section, span, ``count``, ``n``, ``control_count``, ``control_n``.
    """
    lines = []
    for span, grades in SPANS.items():
        chosen = events[events.grade.isin(grades)]
        for (term, section), rows in chosen.groupby(["term", "section"], sort=False):
            line: dict[str, object] = {"term": term, "section": section, "span": span}
            for role, prefix in (("experimental", ""), ("control", "control_")):
                arm = rows[rows.role == role]
                line |= {f"{prefix}count": int(arm["count"].sum()), f"{prefix}n": int(arm.n.max())}
            lines.append(line)
    return pd.DataFrame(lines)


def comparisons(spans: pd.DataFrame) -> pd.DataFrame:
    """``spans`` with risk difference (Newcombe) and risk ratio (Koopman's score interval).

    Shares, not percents; a ratio is NaN where neither arm has a case.
    """
    lines = []
    for row in spans.itertuples(index=False):
        counts = (row.count, row.n, row.control_count, row.control_n)
        gap, ratio = risk_difference(*counts), risk_ratio(*counts)
        nothing = float("nan")
        ratio = ratio or Estimate(nothing, nothing, nothing)
        lines.append(
            {"difference": gap.value, "difference_lower": gap.lower, "difference_upper": gap.upper,
             "ratio": ratio.value, "ratio_lower": ratio.lower, "ratio_upper": ratio.upper}
        )  # fmt: skip
    return pd.concat([spans.reset_index(drop=True), pd.DataFrame(lines)], axis=1)


def in_both(one: int, other: int, either: int) -> int:
    """Patients counted in two classes that together make up ``either`` (cumulative counts).

    Exact for "this grade or higher"; at one exact grade it need not hold. Raises ``ValueError``
    where no patients can have such counts.
    """
    if not max(one, other) <= either <= one + other:
        raise ValueError(f"no patients can be {one} and {other} in two classes and {either} in all")
    return one + other - either


def classes(spans: pd.DataFrame) -> pd.DataFrame:
    """Hematologic, nonhematologic and all events by span and role, and patients with both.

    Only for grades "this or higher": ``in_both`` is not exact between two grades.
    """
    lines = []
    for span, rows in spans[spans.span != "3-4"].groupby("span", sort=False):
        for role, column in (("experimental", "count"), ("control", "control_count")):
            count = rows.set_index("term")[column]
            one, other, either = (int(count[t]) for t in (*CLASSES, "Any"))
            lines.append(
                {"span": span, "role": role, "hematologic": one, "nonhematologic": other,
                 "any": either, "both": in_both(one, other, either)}
            )  # fmt: skip
    return pd.DataFrame(lines)


def benefit_and_harm(record: Record) -> pd.DataFrame:
    """Differences between the arms per 100 patients, benefits first.

    Columns: outcome, kind (benefit or harm), population, the arms' values per 100 (``experimental``
    and ``control``), ``n`` and ``control_n``, ``value``, ``lower``, ``upper``, method. Landmark
    rates by the delta method from the arms' log-log intervals, proportions by Newcombe. Raises
    ``ValueError`` where a printed percent fits no count or several.
    """
    lines = [_landmark(record, months) for months in ("6", "12")]
    lines += [_response(record, "cbr", "Clinical benefit"), _response(record, "orr", "Response")]
    spans = by_span(adverse_events(record)).set_index(["term", "span"])
    lines.append(_harm("Adverse event, grade 3 or higher", spans.loc[("Any", SEVERE)]))
    lines.append(_harm("Neutropenia, grade 3 or 4", spans.loc[("Neutropenia", "3-4")]))
    for row, outcome in (("serious", "Serious adverse event"),
                         ("discontinued", "Stopped for an adverse event")):  # fmt: skip
        name = arms(record)
        cells = {k: record[f"safety.{row}.{name[k]}.count"] for k in name}
        sizes = {k: record.size(str(cells[k].population), name[k]) for k in name}
        counts = {
            "count": cells["experimental"].value, "n": sizes["experimental"].value,
            "control_count": cells["control"].value, "control_n": sizes["control"].value,
        }  # fmt: skip
        lines.append(_harm(outcome, pd.Series(counts)))
    return pd.DataFrame(lines)


def _landmark(record: Record, months: str) -> dict[str, object]:
    name = arms(record)
    marks, sizes = {}, {}
    for role, arm in name.items():
        cell = record.cell(record[f"results.pfs.rate_{months}.{arm}.estimate"])
        rate, lower, upper = (cell[p].value / 100 for p in ("estimate", "lower", "upper"))
        marks[role] = from_interval(rate, lower, upper, cell["level"].value)
        sizes[role] = int(record.size("randomized", arm).value)
    gap, _ = difference(marks["experimental"], marks["control"])
    return _benefit(
        f"Free of progression at {months} months", gap,
        (marks["experimental"].survival, marks["control"].survival),
        (sizes["experimental"], sizes["control"]), "arms' log-log intervals, delta method",
    )  # fmt: skip


def _response(record: Record, row: str, outcome: str) -> dict[str, object]:
    counts: list[int] = []
    for arm in (arms(record)["experimental"], arms(record)["control"]):
        entry = record[f"results.{row}.{arm}.estimate"]
        n = int(record.size(str(entry.population), arm).value)
        fits = count_from_percent(entry.value, entry.printed.half_unit, n) if entry.printed else []
        if len(fits) != 1:
            raise ValueError(f"{entry.id}: {entry.text}% of {n} fits the counts {fits}")
        counts += [fits[0], n]
    one, n, other, other_n = counts
    gap = risk_difference(one, n, other, other_n)
    return _benefit(outcome, gap, (one / n, other / other_n), (n, other_n), "Newcombe")


def _benefit(
    outcome: str, gap: Estimate, shares: tuple[float, float], sizes: tuple[int, int], method: str
) -> dict[str, object]:
    return _difference(outcome, "benefit", "randomized", gap, shares, sizes, method)


def _harm(outcome: str, row: pd.Series) -> dict[str, object]:
    counts = [int(row[c]) for c in ("count", "n", "control_count", "control_n")]
    shares = (counts[0] / counts[1], counts[2] / counts[3])
    gap = risk_difference(*counts)
    return _difference(
        outcome, "harm", "treated", gap, shares, (counts[1], counts[3]), "Newcombe"
    )  # fmt: skip


def _difference(
    outcome: str, kind: str, population: str, gap: Estimate, shares: tuple[float, float],
    sizes: tuple[int, int], method: str,
) -> dict[str, object]:  # fmt: skip
    numbers = {k: 100 * v for k, v in asdict(gap).items() if k != "level"}
    return {
        "outcome": outcome, "kind": kind, "population": population,
        "experimental": 100 * shares[0], "control": 100 * shares[1],
        "n": sizes[0], "control_n": sizes[1], **numbers, "method": method,
    }  # fmt: skip
