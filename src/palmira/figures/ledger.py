"""The ledger as a picture."""

from __future__ import annotations

import pandas as pd

from palmira.exhibits import Picture
from palmira.figures.style import MUTED, canvas, spell
from palmira.ledger import MEANINGS, LedgerEntry
from palmira.ledger.book import frame
from palmira.prose import chapter_name

COLORS = {
    "reproduced": "#0072B2", "rounding": "#56B4E9", "conditional": "#701A6B",
    "unsettled": "#000000", "inconsistent": "#D55E00", "reproduced on the twin": "#E8C33D",
    "stated": "#9FB0A6", "not recomputable": "#E4E4E4",
}  # fmt: skip


def verdicts_by_chapter(entries: list[LedgerEntry]) -> Picture:
    """Stacked bars: entries of each chapter by verdict."""
    data = frame(entries)
    counts = pd.crosstab(data["chapter"], data["verdict"])
    counts = counts[[v for v in COLORS if v in counts]]
    counts = counts.loc[counts.sum(axis=1).sort_values().index]
    names = [chapter_name(c) for c in counts.index]
    with canvas(0.36 * len(counts) + 1.5) as (_, ax):
        left = pd.Series(0, counts.index)
        for verdict in counts:
            ax.barh(names, counts[verdict], left=left, color=COLORS[str(verdict)],
                    edgecolor="white", linewidth=0.6, label=verdict)  # fmt: skip
            for y, (start, width) in enumerate(zip(left, counts[verdict], strict=True)):
                if width >= 14:
                    dark = verdict in ("reproduced", "conditional", "inconsistent")
                    ax.text(start + width / 2, y, str(width), ha="center", va="center",
                            fontsize=9, color="white" if dark else "black")  # fmt: skip
            left = left + counts[verdict]
        ax.set_xlabel("Printed numbers")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_color(MUTED)
        ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.45, 1.0), frameon=False)
    totals = counts.sum()
    words = ", ".join(f"{totals[v]} {v}" for v in MEANINGS if v in totals)
    off = counts["inconsistent"].sort_values(ascending=False) if "inconsistent" in counts else {}
    where = spell([f"{n} in {chapter_name(c).lower()}" for c, n in off.items() if n])
    alt = f"Of {len(entries)} printed numbers: {words}."
    if where:
        alt += f" Inconsistent are {where}."
    return Picture(ax.figure, alt, counts.reset_index().melt("chapter", value_name="entries"))
