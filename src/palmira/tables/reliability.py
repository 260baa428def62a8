"""The self-test of the audit in numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from palmira.figures.reliability import named, shares
from palmira.findings import QUESTIONS
from palmira.show.exhibits import Table


def percent(share: dict[str, Any]) -> str:
    """``34 of 500: 6.8% (4.8 to 9.4)``; empty where nothing was counted."""
    if not share["of"]:
        return "none"
    low, high = 100 * share["lower"], 100 * share["upper"]
    return (
        f"{share['count']} of {share['of']}: {100 * share['share']:.1f}% ({low:.1f} to {high:.1f})"
    )


def found_errors(result: dict[str, Any]) -> Table:
    """By planted error: shares found, and the checks that found it most often."""
    rows, used = [], set()
    for error, found in result["errors"].items():
        by: dict[str, int] = {}
        for key, count in found["found_by"].items():
            check = key.split(" ")[0]
            by[check] = by.get(check, 0) + count
        leading = sorted(by, key=lambda c: -by[c])[:3]
        used |= set(leading)
        rows.append(
            {
                "Planted error": named(error),
                "Found of all": percent(found["raw"]),
                "Found of those that change a print and could be checked": percent(
                    found["changed_and_redundant"]
                ),
                "Found of those that could be seen": percent(found["visible"]),
                "Mainly by": ", ".join(leading),
            }
        )
    asked = (
        f"{', '.join(c for c in checks if c in used)}: {question[0].lower()}{question[1:]}"
        for question, checks in QUESTIONS.items()
        if used & set(checks)
    )
    return Table(pd.DataFrame(rows), shares(result), notes=(f"Checks. {' '.join(asked)}",))


def false_flags(result: dict[str, Any]) -> Table:
    """By the way a clean paper rounds: the share wrongly called inconsistent or impossible."""
    groups = {"all clean papers": result["clean"]["all"], **result["clean"]["by_style"]}
    rows = [
        {
            "How the paper rounds": name,
            "Wrongly inconsistent": percent(group["inconsistent"]),
            "Wrongly impossible": percent(group["impossible"]),
        }
        for name, group in groups.items()
    ]
    return Table(pd.DataFrame(rows))
