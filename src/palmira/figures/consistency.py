"""Figures of the audit: a rounded number as a range, and all comparisons at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from palmira.audit import Check, Verdict
from palmira.findings import ORDER
from palmira.printed import Printed
from palmira.record import Record
from palmira.show.exhibits import Picture
from palmira.show.style import ARM_COLORS, INK, RULE, canvas, spell

# From the gravest to the mildest; told apart by shape and darkness as well as by color.
VERDICT_STYLE: dict[Verdict, tuple[str, str]] = {
    "impossible": ("#7A1F4E", "X"),
    "inconsistent": ("#D55E00", "D"),
    "not checkable": ("#8C8C8C", "_"),
    "information": ("#8C8C8C", "o"),
    "rounding": ("#E69F00", "^"),
    "consistent": ("#9CC3DC", "s"),
}
COLUMNS = 42


@dataclass(frozen=True)
class Boxes:
    """A printed ratio with its limits as ranges, and the range of the middle of the limits."""

    label: str
    estimate: Printed
    lower: Printed
    upper: Printed

    @property
    def middle(self) -> tuple[float, float]:
        return sqrt(self.lower.low * self.upper.low), sqrt(self.lower.high * self.upper.high)

    @property
    def text(self) -> str:
        return f"{self.estimate} ({self.lower} to {self.upper})"

    @property
    def shared(self) -> tuple[float, float] | None:
        """What the ranges of the ratio and of the middle have in common."""
        low = max(self.estimate.low, self.middle[0])
        high = min(self.estimate.high, self.middle[1])
        return (low, high) if low < high else None

    @property
    def row(self) -> dict[str, str | float | bool]:
        ends = {
            f"{part}_{end}": getattr(getattr(self, part), end)
            for part in ("estimate", "lower", "upper") for end in ("low", "high")
        }  # fmt: skip
        middle = {"middle_low": self.middle[0], "middle_high": self.middle[1]}
        return {"label": self.label, "printed": self.text, **ends, **middle,
                "overlap": self.shared is not None}  # fmt: skip

    @property
    def words(self) -> str:
        return (
            f"{self.label}: {self.text}, the middle of the limits is {self.middle[0]:.3f} to "
            f"{self.middle[1]:.3f} and the ratio {self.estimate.low:.3f} to "
            f"{self.estimate.high:.3f}, which {'overlap' if self.shared else 'do not overlap'}"
        )


def _boxes(label: str, record: Record, cell: str) -> Boxes:
    found = []
    for part in ("estimate", "lower", "upper"):
        printed = record[f"{cell}.{part}"].printed
        if printed is None:
            raise ValueError(f"{cell}: {part} is no number")
        found.append(printed)
    return Boxes(label, *found)


def rounding_boxes(cells: dict[str, tuple[Record, str]]) -> Picture:
    """Ratios with their limits, each as the range that rounds to it, and the middle of the limits.

    ``cells``: label to record and cell, the cell with ``@1`` for another source's version. On the
    left the whole interval, on the right the neighborhood of the ratio.
    """
    rows = [_boxes(label, *place) for label, place in cells.items()]
    low, high = min(r.lower.low for r in rows), max(r.upper.high for r in rows)
    with canvas(1.28 * len(rows) + 0.95, nrows=len(rows), ncols=2, squeeze=False,
                gridspec_kw={"width_ratios": [1.15, 1]}) as (figure, axes):  # fmt: skip
        for (left, right), row in zip(axes, rows, strict=True):
            _whole(left, row, low / 1.06, high * 1.06)
            _near(right, row)
        axes[-1][0].set_xlabel("Ratio (log scale)")
        axes[-1][1].set_xlabel("Near the ratio, magnified")
    alt = f"{'. '.join(r.words for r in rows)}."
    return Picture(figure, alt, pd.DataFrame([r.row for r in rows]))


def _whole(ax: Axes, row: Boxes, low: float, high: float) -> None:
    ax.set_xscale("log")
    ax.plot([row.lower.high, row.upper.low], [0, 0], color=INK, lw=1.2)
    for limit in (row.lower, row.upper):
        ax.axvspan(limit.low, limit.high, 0.3, 0.7, color=INK, lw=0)
    ax.plot(row.estimate.value, 0, "s", color=ARM_COLORS["palbociclib"], ms=8)
    middle = sqrt(row.lower.value * row.upper.value)
    ax.plot(middle, 0, "|", color=ARM_COLORS["et"], ms=20, mew=2)
    ax.text(low * 1.01, 0.62, row.label, va="bottom", fontsize=9.5, weight="bold")
    ax.text(high * 0.99, -0.6, row.text, va="top", ha="right", fontsize=9.5)
    ticks = [t for t in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0) if low < t < high]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{t:g}" for t in ticks])
    ax.set(xlim=(low, high), ylim=(-1.3, 1.3))
    _bare(ax)


def _near(ax: Axes, row: Boxes) -> None:
    ratio = row.estimate.low, row.estimate.high
    center = (min(ratio[0], row.middle[0]) + max(ratio[1], row.middle[1])) / 2
    bars = ((ratio, "ratio", 0.45, ARM_COLORS["palbociclib"]),
            (row.middle, "middle of the limits", -0.45, ARM_COLORS["et"]))  # fmt: skip
    for (a, b), words, y, color in bars:
        ax.barh(y, b - a, left=a, height=0.55, color=color)
        right = (a + b) / 2 <= center
        ax.text(b + 0.0015 if right else a - 0.0015, y, f"{words}: {a:.3f} to {b:.3f}",
                va="center", ha="left" if right else "right", fontsize=9, color=INK)  # fmt: skip
    if row.shared:
        ax.axvspan(*row.shared, color=RULE, alpha=0.45, lw=0, zorder=0)
    ax.set(xlim=(center - 0.045, center + 0.045), ylim=(-1.1, 1.2))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    _bare(ax)


def _bare(ax: Axes) -> None:
    ax.yaxis.set_visible(False)
    ax.spines["left"].set_visible(False)


def at_a_glance(checks: list[Check]) -> Picture:
    """One mark for each comparison of an audit, the gravest verdicts first."""
    counts = {v: sum(c.verdict == v for c in checks) for v in ORDER}
    marks = [v for v in ORDER for _ in range(counts[v])]
    rows = ceil(len(marks) / COLUMNS)
    height = 0.125 * rows + 0.4
    with canvas(height, tight=False) as (figure, ax):
        figure.subplots_adjust(left=0.0, right=0.745, top=0.99, bottom=0.3 / height)
        for verdict in ORDER:
            at = [i for i, v in enumerate(marks) if v == verdict]
            color, marker = VERDICT_STYLE[verdict]
            ax.plot([i % COLUMNS for i in at], [-(i // COLUMNS) for i in at], ls="none",
                    marker=marker, color=color, ms=6.2 if marker != "_" else 7,
                    mew=2.2 if marker == "_" else 0.5,
                    label=f"{verdict}: {counts[verdict]}")  # fmt: skip
        ax.set(xlim=(-0.8, COLUMNS - 0.2), ylim=(-rows + 0.4, 0.6))
        ax.axis("off")
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=10,
                  title="Comparisons", labelspacing=0.8)  # fmt: skip
    data = pd.DataFrame({"verdict": list(counts), "comparisons": list(counts.values())})
    agree = counts["consistent"]
    worse = counts["inconsistent"] + counts["impossible"]
    said = spell([f"{n} {v}" for v, n in counts.items() if n and v != "consistent"])
    alt = (
        f"Of {len(marks)} comparisons {agree} are consistent ({100 * agree / len(marks):.0f}%); "
        f"the others are {said}. {worse} are inconsistent or impossible."
    )
    return Picture(figure, alt, data)
