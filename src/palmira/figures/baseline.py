"""Pictures of balance at baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter

from palmira.balance import CONVENTION, chance_beyond, chance_limit, characteristics
from palmira.record import Record
from palmira.show.exhibits import Picture
from palmira.show.style import INK, MUTED, RULE, canvas, spell

# The factors by which random assignment was stratified (Methods, Random Assignment and Masking).
STRATA = ("Previous ET", "Visceral involvement")


def _signed(x: float, decimals: int = 2) -> str:
    return f"{x:+.{decimals}f}".replace("-", "−")


def one_row_a_factor(levels: pd.DataFrame) -> pd.DataFrame:
    """The levels to draw: of two mirror images the last, of three or more all."""
    keep = []
    for _, group in levels.groupby("factor", sort=False):
        keep += list(group.index[-1:] if len(group) == 2 else group.index)
    chosen = levels.loc[keep]
    label = chosen.factor.where(~chosen.factor.isin(STRATA), chosen.factor + "*")
    return chosen.assign(
        label=label + ": " + chosen.category,
        stratum=chosen.factor.isin(STRATA),
        outside=(chosen.smd < chosen.low) | (chosen.smd > chosen.high),
    )


def balance_plot(record: Record) -> Picture:
    """Standardized mean differences with the 95% range that randomization alone gives each."""
    rows = one_row_a_factor(characteristics(record)).sort_values("smd").reset_index(drop=True)
    height = 0.32 * len(rows) + 1.3
    edge = max(0.4, 1.15 * float(rows.smd.abs().max()))
    labels = [t.replace(": ", ":\n") if len(t) > 37 else t for t in rows.label]
    with canvas(height, tight=False) as (figure, ax):
        for y, row in enumerate(rows.itertuples(index=False)):
            ax.barh(y, row.high - row.low, left=row.low, height=0.62, lw=0, zorder=1,
                    color="#EDF2F5" if row.stratum else "#D5E1E9")  # fmt: skip
            ax.plot(row.smd, y, "D" if row.outside else "o", color=INK, ms=7, zorder=3)
            weight = "bold" if row.outside else "normal"
            ax.text(1.1, y, _signed(row.smd), transform=ax.get_yaxis_transform(), ha="right",
                    va="center", fontsize=9.5, weight=weight)  # fmt: skip
        ax.text(1.1, len(rows) - 0.4, "SMD", transform=ax.get_yaxis_transform(), ha="right",
                va="bottom", fontsize=9.5, weight="bold")  # fmt: skip
        ax.axvline(0, color=MUTED, lw=1, zorder=2)
        for x in (-CONVENTION, CONVENTION):
            ax.axvline(x, color=MUTED, lw=1, ls=(0, (3, 3)), zorder=2)
            ax.text(x, len(rows) - 0.4, _signed(x, 1), ha="center", va="bottom", fontsize=9,
                    color=MUTED)  # fmt: skip
        ax.set_yticks(range(len(rows)), labels, fontsize=9,
                      linespacing=1)  # fmt: skip
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(-0.7, len(rows) - 0.4)
        ax.set_xlim(-edge, edge)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}".replace("-", "−")))
        for x, side, text in ((-0.03, "right", "← more with ET alone"),
                              (0.03, "left", "more with palbociclib + ET →")):  # fmt: skip
            ax.annotate(text, (x, 0), (0, -34), xycoords=("data", "axes fraction"), ha=side,
                        textcoords="offset points", fontsize=9.5)  # fmt: skip
        ax.spines["left"].set_visible(False)
    figure.subplots_adjust(left=0.4, right=0.925, bottom=0.86 / height, top=1 - 0.3 / height)
    n, control_n = int(rows.n.max()), int(rows.control_n.max())
    beyond = [f"{r.label} ({_signed(r.smd)})" for r in rows[rows.outside].itertuples()]
    over = int((rows.smd.abs() > CONVENTION).sum())
    alt = (
        f"Standardized mean differences of {len(rows)} baseline characteristics run from "
        f"{_signed(rows.smd.min())} to {_signed(rows.smd.max())}; {over} lie beyond plus or minus "
        f"{CONVENTION}. Randomization alone keeps 95% within about plus or minus "
        f"{chance_limit(n, control_n):.2f} in arms of {n} and {control_n}; outside its range: "
        f"{spell(beyond) if beyond else 'none'}."
    )
    columns = ["label", "count", "n", "control_count", "control_n", "smd", "low", "high", "outside"]
    return Picture(figure, alt, rows[columns])


def chance_curves(n: int, control_n: int, times: tuple[int, ...] = (1, 4, 16)) -> Picture:
    """How often chance alone takes one factor's |SMD| beyond a mark, by the size of the trial."""
    marks = np.round(np.arange(0, 0.5001, 0.005), 3)
    data = pd.DataFrame(
        {"mark": x, "patients": k * (n + control_n), "percent": 100 * chance_beyond(x, k * n,
         k * control_n)} for k in times for x in marks
    )  # fmt: skip
    here = {k: 100 * chance_beyond(CONVENTION, k * n, k * control_n) for k in times}
    shades = ("#0B3C5D", "#2E7FB0", "#7A8B97")
    with canvas(3.6) as (figure, ax):
        for k, color, style in zip(times, shades, ("-", "--", ":"), strict=False):
            line = data[data.patients == k * (n + control_n)]
            who = f"{n}:{control_n}" if k == 1 else f"{k} times as many patients"
            size = f"{here[k]:.0f}%" if here[k] >= 1 else f"{here[k]:.1g}%"
            ax.plot(line.mark, line.percent, color=color, lw=2.2, ls=style,
                    label=f"{who}: {size} beyond {CONVENTION}")  # fmt: skip
            ax.plot(CONVENTION, here[k], "o", color=color, ms=6)
        ax.axvline(CONVENTION, color=RULE, lw=1, zorder=0)
        ax.legend(frameon=False, loc="upper right", fontsize=10, labelspacing=0.8)
        ax.set_xlim(0, 0.5)
        ax.set_ylim(0, 103)
        ax.yaxis.set_major_locator(FixedLocator([0, 25, 50, 75, 100]))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.0f}%"))
        ax.set_xlabel("Mark for the absolute standardized mean difference")
        ax.set_ylabel("Randomized factors beyond the mark")
    words = [f"{here[k]:.3g}% with {k * (n + control_n)} patients" for k in times]
    alt = (
        f"The share of randomized factors beyond a mark falls as the mark rises, and the faster "
        f"the larger the trial. Beyond {CONVENTION}: {spell(words)}, allocated {n}:{control_n}."
    )
    return Picture(figure, alt, data)
