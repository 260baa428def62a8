"""How often the audit finds what was planted."""

from __future__ import annotations

from typing import Any

import pandas as pd

from palmira.show.exhibits import Picture
from palmira.show.style import INK, MUTED, canvas

KINDS = {"visible": "of those that a reader with every check could see", "raw": "of all planted"}
COLORS = {"visible": "#0072B2", "raw": MUTED}


def named(error: str) -> str:
    """A planted error in a reader's words."""
    return "all errors" if error == "all" else error.replace("sqrt 2", "√2")


def shares(result: dict[str, Any]) -> pd.DataFrame:
    """Share found (percent, with limits) by planted error and kind of denominator."""
    rows = []
    for error, found in result["errors"].items():
        for kind in KINDS:
            s = found[kind]
            percents = {k: 100 * s[k] if s["of"] else None for k in ("share", "lower", "upper")}
            rows.append(
                {"error": error, "kind": kind, "found": s["count"], "of": s["of"], **percents}
            )
    return pd.DataFrame(rows)


def sensitivity(result: dict[str, Any]) -> Picture:
    """A row for each planted error: the share found, with its exact 95% interval."""
    data = shares(result)
    errors = [e for e in data["error"].unique() if e != "all"] + ["all"]
    with canvas(0.42 * len(errors) + 1.3) as (_, ax):
        for y, error in enumerate(reversed(errors)):
            for shift, kind in ((0.13, "visible"), (-0.13, "raw")):
                row = data[(data["error"] == error) & (data["kind"] == kind)].iloc[0]
                if not row["of"]:
                    continue
                ax.plot([row["lower"], row["upper"]], [y + shift] * 2, color=COLORS[kind], lw=1.6)
                ax.plot(row["share"], y + shift, "o" if kind == "visible" else "D", ms=6,
                        color=COLORS[kind], mfc=COLORS[kind] if kind == "visible" else "white",
                        label=KINDS[kind] if error == "all" else None)  # fmt: skip
        names = [named(e) for e in reversed(errors)]
        ax.set_yticks(range(len(errors)), names)
        ax.set_xlim(-2, 102)
        ax.set_xlabel("Planted errors found, % (95% interval)")
        ax.tick_params(axis="y", length=0)
        ax.axhline(0.5, color=INK, lw=0.6)
        ax.legend(loc="lower center", bbox_to_anchor=(0.35, 1.0), ncols=2, frameon=False)
    whole = data[data["error"] == "all"].set_index("kind")
    seen = data[(data["kind"] == "visible") & (data["error"] != "all") & (data["of"] > 0)]
    worst = seen.loc[seen["share"].idxmin()]
    alt = (
        f"Of the planted errors that could be seen the audit finds "
        f"{whole.loc['visible', 'share']:.1f}%, of all planted ones "
        f"{whole.loc['raw', 'share']:.1f}%. The lowest share of visible ones is "
        f"{worst['share']:.0f}%, for {named(worst['error'])}."
    )
    return Picture(ax.figure, alt, data)
