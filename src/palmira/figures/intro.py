"""The picture of the home page: one hazard ratio, three readings."""

from __future__ import annotations

import pandas as pd
from matplotlib.ticker import FixedLocator, NullLocator

from palmira.readings import NAMES, reading
from palmira.record import Record
from palmira.show.exhibits import Picture
from palmira.show.style import INK, MUTED, READING_COLORS, READING_MARKERS, canvas

TICKS = (0.5, 0.75, 1, 1.25)


def three_readings(record: Record) -> Picture:
    """The hazard ratio of progression-free survival in its three readings, on one log axis.

    The axis takes the left part of the picture, so that a phone shows all of it.
    """
    result = reading(record, "contrasts.pfs.hazard_ratio")
    estimates, texts = result.estimates, result.texts
    low = min(TICKS[0], *(e.lower for e in estimates.values())) / 1.04
    high = max(TICKS[-1], *(e.upper for e in estimates.values())) * 1.04
    with canvas(2.75, tight=False) as (figure, ax):
        figure.subplots_adjust(left=0.02, right=0.6, top=0.98, bottom=0.345)
        ax.set_xscale("log")
        ax.set(xlim=(low, high), ylim=(len(estimates) - 0.5, -0.75))
        ax.axvline(1, color=MUTED, lw=1, zorder=0)
        for y, (name, e) in enumerate(estimates.items()):
            color = READING_COLORS[name]
            dashed = name == "conditional"
            ax.plot([e.lower, e.upper], [y, y], color=color, lw=2.2, ls="--" if dashed else "-")
            ax.plot([e.value], [y], color=color, marker=READING_MARKERS[name], ms=8,
                    mfc="white" if dashed else color)  # fmt: skip
            ax.text(e.lower, y - 0.24, NAMES[name], color=color, fontsize=10, va="bottom",
                    bbox={"fc": "white", "ec": "none", "pad": 0.5})  # fmt: skip
            ax.text(1.05, y, texts[name], transform=ax.get_yaxis_transform(), color=color,
                    fontsize=12, va="center")  # fmt: skip
        ax.text(1.05, -0.62, "HR (95% CI)", transform=ax.get_yaxis_transform(), weight="bold",
                va="center")  # fmt: skip
        ax.xaxis.set_major_locator(FixedLocator(list(TICKS)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels([f"{t:g}" for t in TICKS])
        ax.yaxis.set_visible(False)
        ax.spines["left"].set_visible(False)
        for text, shift, align in (
            ("← favors palbociclib + ET", -6, "right"), ("favors ET alone →", 6, "left")
        ):  # fmt: skip
            ax.annotate(text, (1, 0), (shift, -29), xycoords=("data", "axes fraction"),
                        textcoords="offset points", ha=align, fontsize=9.5, color=INK)  # fmt: skip
        ax.set_xlabel("Hazard ratio (log scale)", labelpad=19)
    crossing = sum(e.lower < 1 < e.upper for e in estimates.values())
    words = "; ".join(f"{NAMES[k].lower()} {text}" for k, text in texts.items())
    alt = (
        f"Hazard ratio for progression or death with its interval: {words}. {crossing} of the "
        f"{len(estimates)} intervals include 1, no difference."
    )
    return Picture(figure, alt, pd.DataFrame(result.rows()).round(4))
