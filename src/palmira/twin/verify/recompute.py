"""Does a twin print the paper? Every target recomputed from the data sets alone.

Nothing here knows how the twin was made: the analyses are those of lifelines, statsmodels and
scipy on the ADaM frames, and the targets come from the record.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from datetime import date
from math import inf, isfinite, nan
from pathlib import Path

import pandas as pd

from palmira.record import DATA, Record
from palmira.record.entries import Entry
from palmira.record.printed import parse_date
from palmira.twin.adam.analysis_set import AnalysisSet, Frames
from palmira.twin.targets.target import KINDS, Target, targets
from palmira.twin.verify.verify_counts import Counts
from palmira.twin.verify.verify_response import ResponseAnalyses
from palmira.twin.verify.verify_survival import SurvivalAnalyses

COUNTED = ("baseline", "disposition", "date", "adverse events", "safety")
RESPONSE = ("response", "odds ratio")
CHECKS = DATA / "twin" / "checks.csv"
# A check of more numbers than this is shown by their count.
MANY = 6


def verify(
    frames: Frames, record: Record, scale: str, only: Collection[str] | None = None
) -> pd.DataFrame:
    """Recompute every target of a record, or ``only`` those of some groups ("Hazard ratios",
    "Medians" ...) or cells (ids of entries without their part); one line a target, in the record's
    order.

    ``frames`` are adsl, adtte, adrs and adae; ``scale`` is "full" (the arm on orthonormal contrasts
    prints the paper's ratios) or "neutral" (arm 0 and 1). Columns: id, group, analysis, printed,
    recomputed (a number; a date as its day), shown (as the paper would print it), within ("yes" or
    "no": whether it rounds to the print), beyond (distance from the rounding interval in units of
    the last digit), ordinary (a hazard or odds ratio with the arm 0 and 1, NaN otherwise), status,
    why and reason (without its numbers and with them). Raises ``ValueError`` for another scale,
    group or cell and ``KeyError`` for a variable that is not there.
    """
    wanted = targets(record, scale)
    if only is not None:
        groups = {group for group, _ in KINDS.values()}
        if unknown := set(only) - groups - {t.entry.cell for t in wanted}:
            raise ValueError(f"unknown group or cell {sorted(unknown)}")
        wanted = [t for t in wanted if not {t.group, t.entry.cell}.isdisjoint(only)]
    data = AnalysisSet(record, frames)
    survival, response = SurvivalAnalyses(data, scale), ResponseAnalyses(data, scale)
    counts = Counts(data)
    lines = []
    for target in wanted:
        if target.kind in COUNTED:
            number, ordinary = counts.number(target), nan
        else:
            analyses = response if target.kind in RESPONSE else survival
            number, ordinary = analyses.number(target), analyses.ordinary(target)
        lines.append(_line(target, number, ordinary))
    return pd.DataFrame(lines)


def _line(target: Target, number: float, ordinary: float) -> dict[str, object]:
    distance = beyond(target.entry, number)
    return {
        "id": target.id,
        "group": target.group,
        "analysis": target.analysis,
        "printed": target.entry.text,
        "recomputed": number,
        "shown": shown(target.entry, number),
        "within": "yes" if distance == 0 else "no",
        "beyond": distance,
        "ordinary": ordinary,
        "status": target.status,
        "why": target.why,
        "reason": target.reason,
    }


def beyond(entry: Entry, number: float) -> float:
    """Distance of a number from what prints as the entry, in units of its last digit; 0 inside.

    Printed NA holds for what is never reached, and only for that. Dates differ by days.
    """
    printed = entry.printed
    if printed is None:
        return abs(number - parse_date(entry.text).toordinal())
    if printed.exact is None or not isfinite(number):
        return 0.0 if printed.exact is None and not isfinite(number) else inf
    if printed.bound:
        over = number - printed.value
        over = over if printed.bound in "<≤" else -over
        strictly = printed.bound in "<>" and over == 0
        return max(over, 0.0) / (2 * printed.half_unit) or float(strictly)
    if printed.rounds_from(number):
        return 0.0
    return max(printed.low - number, number - printed.high) / (2 * printed.half_unit)


def shown(entry: Entry, number: float) -> str:
    """A number as the paper would print it in this place: its decimals, its way with zeros."""
    printed = entry.printed
    if printed is None:
        day = date.fromordinal(int(number))
        has_day = any(w.rstrip(",").isdigit() for w in entry.text.split()[:-1])
        return f"{day:%B} {day.day}, {day.year}" if has_day else f"{day:%B %Y}"
    if not isfinite(number):
        return "NA"
    decimals = printed.decimals
    if printed.exact is None:
        decimals = 1 if printed.declared is None else printed.declared
    text = f"{number:.{decimals}f}"
    text = text.removeprefix("-") if float(text) == 0 else text
    return text.replace("0.", ".", 1) if entry.text.startswith(".") else text


def checks(rows: pd.DataFrame, listing: Path = CHECKS) -> pd.DataFrame:
    """The checks that a twin is scored on: groups of targets, each of which must hold.

    ``listing`` names them with their targets (ids, * for any text). One line a check, in its order:
    group, check, published, recomputed, holds ("yes" where every part rounds to its print), beyond
    (the largest distance of a part), why and reason (of parts that are not attainable). Raises
    ``ValueError`` where a check names a target that ``rows`` lack.
    """
    by_id = rows.set_index("id")
    lines = []
    for check in pd.read_csv(listing, dtype=str).itertuples(index=False):
        named = [id for pattern in check.entries.split() for id in _matching(by_id, pattern)]
        parts = by_id.loc[named]
        within = parts["within"] == "yes"
        lines.append(
            {
                "group": check.group,
                "check": check.check,
                "published": _together(parts, "printed"),
                "recomputed": _together(parts, "shown"),
                "holds": "yes" if within.all() else "no",
                "beyond": parts["beyond"].max(),
                **{
                    c: "; ".join(dict.fromkeys(x for x in parts[c] if x)) for c in ("why", "reason")
                },
            }
        )
    return pd.DataFrame(lines)


def _matching(rows: pd.DataFrame, pattern: str) -> list[str]:
    found = fnmatch.filter(rows.index, pattern)
    if not found:
        raise ValueError(f"no target {pattern!r} among the rows")
    return found


def _joined(texts: pd.Series) -> str:
    return "; ".join(dict.fromkeys(x for x in texts if x))


def _together(parts: pd.DataFrame, column: str) -> str:
    if len(parts) > MANY:
        if column == "printed":
            return f"{len(parts)} numbers"
        wrong = parts.index[parts["within"] != "yes"]
        return f"{len(parts) - len(wrong)} as printed" + "".join(f"; {id}" for id in wrong)
    texts = [str(x) for x in parts[column]]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
