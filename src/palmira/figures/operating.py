"""Pictures of a design's operating characteristics: dates from scans, two looks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter
from scipy.stats import multivariate_normal, norm

from palmira.design.simulate import mean_with_error
from palmira.design.studies import INTERVALS, SCANS, TRUE
from palmira.estimates import critical, two_sided_p
from palmira.show.exhibits import Picture
from palmira.show.style import INK, MUTED, RULE, canvas

LOOKS = {TRUE: (MUTED, "o"), SCANS: ("#D55E00", "s"), INTERVALS: ("#0072B2", "D")}
MONTE_CARLO = "Bars: 95% Monte Carlo interval."


def late_medians(results: pd.DataFrame, weeks: dict[str, float]) -> Picture:
    """How far the median lies from the truth, by the interval between scans and the analysis.

    ``results`` are operating characteristics; ``weeks`` the weeks between scans of each scenario.
    """
    data = results[results["scenario"].isin(weeks)].copy()
    data["weeks"] = data["scenario"].map(weeks)
    columns = ["weeks", "analysis", "bias_median", "bias_median_error", "trials"]
    data = data[data["analysis"].isin(LOOKS)][columns]
    z = critical(95)
    with canvas(3.6) as (figure, ax):
        ax.axhline(0, color=RULE, lw=1)
        for shift, (name, (color, marker)) in zip((-0.15, 0, 0.15), LOOKS.items(), strict=True):
            mine = data[data["analysis"] == name]
            ax.errorbar(mine["weeks"] + shift, mine["bias_median"], z * mine["bias_median_error"],
                        fmt=marker, color=color, ms=6, lw=1.4, label=name)  # fmt: skip
        ax.set_xticks(sorted(set(data["weeks"])))
        ax.set(xlabel="Weeks between scans",
               ylabel="Mean median PFS minus\nthe true one, months")  # fmt: skip
        ax.legend(frameon=False, loc="upper left", title=f"Analysis by … {MONTE_CARLO}",
                  title_fontsize=9.5, alignment="left")  # fmt: skip
        ax.set_ylim(top=1.45 * data["bias_median"].max())
    late = data[data["analysis"] == SCANS].sort_values("weeks")
    words = "; ".join(f"{b:.2f} months with scans every {w:g} weeks"
                      for w, b in zip(late["weeks"], late["bias_median"], strict=True))  # fmt: skip
    near = data[data["analysis"] == INTERVALS]["bias_median"].abs().max()
    alt = (
        f"Dated by scans the median comes late: {words}. By the intervals between scans it is off "
        f"by {near:.2f} months at most."
    )
    return Picture(figure, alt, data.round(4).reset_index(drop=True))


def either_look(fraction: float, alpha: float) -> float:
    """Probability, with no effect, that one of two looks has P below ``alpha``.

    The z values of the looks are taken as bivariate normal, their correlation as the root of the
    ``fraction`` of events (Armitage, McPherson and Rowe, J R Stat Soc A 1969;132:235).
    """
    z, r = float(norm.ppf(1 - alpha / 2)), np.sqrt(fraction)
    inside = multivariate_normal(mean=[0, 0], cov=[[1, r], [r, 1]])
    return float(1 - inside.cdf(np.array([z, z]), lower_limit=np.array([-z, -z])))


def two_looks(looks: pd.DataFrame, alpha: float) -> Picture:
    """Share of trials without an effect in which one of two unadjusted tests is significant."""
    wide = looks.pivot_table(index="trial", columns="fraction", values="z")
    beyond = wide.abs() > norm.ppf(1 - alpha / 2)
    rows = [
        {"fraction": f, **mean_with_error("either", (beyond[f] | beyond[1.0]).astype(float)),
         "calculated": either_look(f, alpha), "trials": len(wide)}
        for f in wide.columns if f < 1
    ]  # fmt: skip
    last = mean_with_error("final", beyond[1.0].astype(float))
    data = pd.DataFrame(rows).assign(**last)
    grid = np.linspace(data["fraction"].min(), 0.995, 40)
    with canvas(3.4) as (figure, ax):
        ax.axhline(alpha, color=RULE, lw=1)
        ax.text(grid[0], alpha - 0.001, f"{alpha:.0%}: what each test promises", va="top",
                fontsize=9.5, color=MUTED)  # fmt: skip
        ax.plot(grid, [either_look(f, alpha) for f in grid], color=INK, lw=1.6,
                label="Either look, calculated")  # fmt: skip
        ax.errorbar(data["fraction"], data["either"], critical(95) * data["either_error"],
                    fmt="o", color="#0072B2", label="Either look, simulated")  # fmt: skip
        ax.errorbar([1], [last["final"]], critical(95) * last["final_error"], fmt="s",
                    color="#D55E00", label="Final look alone, simulated")  # fmt: skip
        ax.set(ylim=(0.03, 0.118), xlabel="Share of the final events at the early look",
               ylabel="Type I error")  # fmt: skip
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.legend(frameon=False, ncols=2, loc="upper left", title=MONTE_CARLO, title_fontsize=9.5,
                  alignment="left")  # fmt: skip
    words = "; ".join(f"{d.either:.1%} with {d.fraction:.0%} of the events at the early look"
                      for d in data.itertuples())  # fmt: skip
    alt = (
        f"With no effect, one of two unadjusted tests is significant in: {words}. The final test "
        f"alone: {last['final']:.1%}. The calculated line starts at "
        f"{either_look(grid[0], alpha):.1%} and falls to {alpha:.0%}."
    )
    return Picture(figure, alt, data.round(4))


def moved(looks: pd.DataFrame, first: float, final: float) -> pd.DataFrame:
    """Where the final z falls, given about the z of the early look; by fraction of the events.

    Of each fraction those trials count whose early z is within 0.15 of ``first``; ``beyond`` is the
    share of them with a final z on the far side of ``final``, toward no effect.
    """
    wide = looks.pivot_table(index="trial", columns="fraction", values="z")
    rows = []
    for f in wide.columns[wide.columns < 1]:
        near = wide.loc[(wide[f] - first).abs() < 0.15, 1.0]
        rows.append({"fraction": f, "trials": len(near), "middle": near.mean(),
                     "low": near.quantile(0.025), "high": near.quantile(0.975),
                     **mean_with_error("beyond", (near >= final).astype(float))})  # fmt: skip
    return pd.DataFrame(rows)


def moving_z(worlds: dict[str, pd.DataFrame], first: float, final: float) -> Picture:
    """Where the final z falls after the printed early one, in worlds with different true effects.

    ``worlds``: the looks of each; ``first`` and ``final``: z of the early and the final analysis,
    negative in favor of the experimental arm.
    """
    data = pd.concat([moved(frame, first, final).assign(world=name)
                      for name, frame in worlds.items()])  # fmt: skip
    colors = dict(zip(worlds, (MUTED, "#0072B2", "#701A6B"), strict=False))
    width = 0.011
    with canvas(4.0) as (figure, ax):
        ax.axhline(first, color=INK, lw=1, ls=":")
        ax.axhline(final, color=INK, lw=1, ls="--")
        for k, (name, mine) in enumerate(data.groupby("world", sort=False)):
            x = mine["fraction"] + (k - (len(worlds) - 1) / 2) * width
            ax.vlines(x, mine["low"], mine["high"], color=colors[str(name)], lw=1.6)
            ax.plot(x, mine["middle"], "o", color=colors[str(name)], ms=5, label=str(name))
        right = data["fraction"].max() + 0.025
        for y, words, side, gap in ((first, "early", "bottom", 3), (final, "final", "top", -4)):
            ax.annotate(f"{words}\nz {y:.2f}".replace("-", "−"), (right, y), (0, gap), va=side,
                        textcoords="offset points", fontsize=9.5)  # fmt: skip
        ax.invert_yaxis()
        ax.set_xlim(data["fraction"].min() - 0.03, right + 0.075)
        ax.set(xlabel="Share of the final events at the early look",
               ylabel="Final z (up: in favor of\nthe experimental arm)")  # fmt: skip
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.47, -0.17), ncols=2)
    parts = []
    for name, mine in data.groupby("world", sort=False):
        a, b = mine.iloc[0], mine.iloc[-1]
        words = f"{a.low:.2f} to {a.high:.2f} with {a.fraction:.0%} of the events at the early look"
        parts.append(f"{name}: {words}, {b.low:.2f} to {b.high:.2f} with {b.fraction:.0%}")
    alt = (
        f"Middle 95% of the final z after an early z near {first:.2f}; the printed final P value "
        f"means {final:.2f} (P {two_sided_p(final):.2f}). {'; '.join(parts)}. The more events the "
        "early look had, the less the final z can move."
    )
    return Picture(figure, alt, data.round(4))
