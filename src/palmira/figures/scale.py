"""Figures of the hazard ratios' scale: the bound, all rows against it, the common factor."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import pandas as pd

from palmira.audit.scale import SLIPS, CommonFactor, rows_of
from palmira.contrasts import CODINGS, Coded
from palmira.figures.forest import ForestRow, forest
from palmira.readings import p_text, reading
from palmira.record import Record
from palmira.show.exhibits import Picture
from palmira.show.style import ARM_COLORS, INK, MUTED, READING_COLORS, RULE, canvas, spell

PRINTED, BOUND = READING_COLORS["conditional"], READING_COLORS["neutral"]


def what_an_event_tells(questions: pd.DataFrame, group: str) -> Picture:
    """The fitted probability of ``group`` at each event, and the information that it yields."""
    p, information = questions["p"], questions["information"]
    mean, average = p.mean(), information.mean()
    ceiling, n = mean * (1 - mean), len(questions)
    with canvas(3.5, ncols=2, gridspec_kw={"width_ratios": [1, 1.05]}) as (figure, (left, right)):
        left.plot(questions["event"], p, "o", color=INK, ms=2.6)
        left.axhline(mean, color=BOUND, lw=1.6)
        left.text(1, mean + 0.012, f"mean {mean:.3f}", va="bottom", color=BOUND)
        left.set(xlabel="Event, in the order of time", xlim=(-2, n + 2), ylim=(0, 0.56))
        left.set_ylabel(f"Probability that it is of {group}", fontsize=9.5)
        grid = [i / 200 for i in range(201)]
        right.plot(0.5, 0.25, "o", color=INK, mfc="white", ms=7)
        right.annotate("toss of a coin", (0.5, 0.25), (0.62, 0.262), fontsize=9, va="center",
                       arrowprops={"arrowstyle": "-", "color": MUTED, "lw": 0.8})  # fmt: skip
        inset = right.inset_axes((0.4, 0.08, 0.58, 0.54))
        for ax, size in ((right, 2.6), (inset, 3.6)):
            ax.plot(grid, [x * (1 - x) for x in grid], color=RULE, lw=1.5, zorder=0)
            ax.plot(p, information, "o", color=INK, ms=size)
            ax.plot(mean, average, "D", color=PRINTED, ms=5)
            ax.plot(mean, ceiling, "_", color=BOUND, ms=14, mew=2.2)
        wide, tall = 0.035, 2.2 * (ceiling - average)
        inset.set(
            xlim=(mean - wide, mean + wide), ylim=(average - 1.4 * tall, ceiling + 1.4 * tall)
        )
        inset.set(xticks=[], yticks=[])
        inset.text(mean - 0.25 * wide, ceiling + 0.2 * tall, f"ceiling\n{ceiling:.4f}", ha="right",
                   color=BOUND, fontsize=9)  # fmt: skip
        inset.text(mean + 0.15 * wide, average, f"mean\n{average:.4f}", color=PRINTED,
                   fontsize=9, va="top")  # fmt: skip
        right.indicate_inset_zoom(inset, edgecolor=MUTED)
        right.set(xlabel="Probability p", ylabel="Information p (1 − p)", xlim=(0, 1),
                  ylim=(0, 0.28))  # fmt: skip
    alt = (
        f"Left: at each of {n} events the probability that it is of {group} lies between "
        f"{p.min():.2f} and {p.max():.2f}, mean {mean:.3f}. Right: each event is worth p (1 - p), "
        f"{average:.4f} on average; the curve bends downward, so the average stays below its value "
        f"at the mean, {ceiling:.4f}, and that below 0.25, the toss of a coin."
    )
    data = questions.assign(mean_p=mean, mean_information=average, ceiling=ceiling)
    return Picture(figure, alt, data)


@dataclass(frozen=True)
class Strip:
    """A line of a strip plot: its label, standard errors over their bounds, a range for each."""

    label: str
    names: tuple[str, ...]
    ratios: tuple[float, ...]
    ranges: tuple[tuple[float, float], ...]

    @property
    def below(self) -> bool:
        """Whether no rounding lifts any of them to the bound."""
        return max(high for _, high in self.ranges) < 1

    @property
    def words(self) -> str:
        low, high = min(self.ratios), max(self.ratios)
        said = f"{self.label}: {low:.2f}" + (f" to {high:.2f}" if high > low else "")
        most = max(b for _, b in self.ranges)
        return (said + (f", at most {most:.2f} with rounding" if most > high else "")).replace(
            "\n", " "
        )


def strip_of(label: str, record: Record, cells: list[str]) -> Strip:
    """Printed standard errors over the bounds of hazard ratios, with what rounding allows."""
    found = [reading(record, c) for c in cells]
    ranges = []
    for cell, r in zip(cells, found, strict=True):
        parts = record.cell(record[f"{cell}.estimate"])
        low, up = parts["lower"].printed, parts["upper"].printed
        assert low and up
        narrow = r.ways.printed_se - (r.widest_se - r.ways.printed_se)
        ranges.append((narrow / r.ways.smallest_se, r.largest_ratio))
    ratios = tuple(r.ways.se_ratio for r in found)
    return Strip(label, tuple(cells), ratios, tuple(ranges))


def paper_strips(record: Record, block: str = "figure3") -> list[Strip]:
    """The trial's own hazard ratios: the subgroup figure, survival, and the earlier analyses."""
    rows = [r.id for r in rows_of(record, block)]
    return [
        strip_of(f"{record.trial}: PFS,\n{len(rows)} rows", record, rows),
        strip_of("OS", record, ["contrasts.os.hazard_ratio"]),
        strip_of("PFS, preplanned", record, ["contrasts.pfs.preplanned"]),
        strip_of("ASCO 2023 abstract", record, ["asco2023.hazard_ratio"]),
    ]


def public_strip(label: str, fits: pd.DataFrame) -> Strip:
    """Standard errors of fitted models (``palmira.standard_errors.public_fits``): no rounding."""
    ratios = tuple(float(x) for x in fits["ratio"])
    return Strip(label, tuple(fits["model"]), ratios, tuple((x, x) for x in ratios))


def against_the_bound(strips: list[Strip], simulated: pd.Series, trials: str) -> Picture:
    """Each strip's standard errors over their bounds; ``simulated`` ratios as one band below."""
    with canvas(0.5 * (len(strips) + 1) + 1.1) as (figure, ax):
        for y, s in enumerate(strips):
            color, count = PRINTED if s.below else INK, len(s.ratios)
            for i, (ratio, (a, b)) in enumerate(zip(s.ratios, s.ranges, strict=True)):
                at = y + (0.52 * (i / (count - 1) - 0.5) if count > 1 else 0)
                ax.plot([a, b], [at, at], color=color, lw=1, alpha=0.8)
                ax.plot(ratio, at, "s" if s.below else "o", color=color, ms=4)
        last = len(strips)
        ends = simulated.min(), simulated.max()
        ax.barh(last, ends[1] - ends[0], left=ends[0], height=0.4, color=ARM_COLORS["palbociclib"])
        ax.axvline(1, color=BOUND, lw=1.8, zorder=0)
        ax.axvline(1 / sqrt(2), color=PRINTED, lw=1.2, ls="--", zorder=0)
        ax.text(0.995, -0.72, "least that the events allow ", ha="right", va="center", fontsize=9,
                color=BOUND)  # fmt: skip
        ax.text(1 / sqrt(2) - 0.004, -0.72, "1/√2", ha="right", va="center", fontsize=9,
                color=PRINTED)  # fmt: skip
        ax.set_yticks(range(last + 1), [*(s.label for s in strips), trials])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_ylim(last + 0.5, -1)
        ax.set_xlim(0.62, max(1.22, max(b for s in strips for _, b in s.ranges) + 0.02))
        ax.set_xlabel("Standard error / least standard error (lines: what rounding allows)")
    data = pd.DataFrame(
        [
            {"group": s.label.replace("\n", " "), "row": n, "ratio": r, "ratio_low": a,
             "ratio_high": b}
            for s in strips for n, r, (a, b) in zip(s.names, s.ratios, s.ranges, strict=True)
        ]
    )  # fmt: skip
    low = spell([s.label.replace("\n", " ") for s in strips if s.below] or ["none"])
    alt = (
        f"Standard error over the least one. {'; '.join(s.words for s in strips)}; "
        f"{trials}: {ends[0]:.3f} to {ends[1]:.3f}. Wholly below 1: {low}."
    ).replace("\n", " ")
    extra = [{"group": trials.replace("\n", " "), "row": e, "ratio": v}
             for e, v in zip(("least", "largest"), ends, strict=True)]  # fmt: skip
    return Picture(figure, alt, pd.concat([data, pd.DataFrame(extra)], ignore_index=True))


def factor_and_slips(found: CommonFactor) -> Picture:
    """The factor common to all standard errors with its interval, beside known slips."""
    slips = {name[0].upper() + name[1:]: f for name, f in SLIPS.items()} | {"No slip": 1.0}
    slips = dict(sorted(slips.items(), key=lambda item: item[1]))
    inside = {n: found.lower <= f <= found.upper for n, f in slips.items()}
    with canvas(0.36 * len(slips) + 1.35) as (figure, ax):
        ax.axvspan(found.lower, found.upper, color=PRINTED, alpha=0.18, lw=0)
        ax.axvline(found.value, color=PRINTED, lw=1.5)
        for y, (name, f) in enumerate(slips.items()):
            ax.plot(f, y, "o", color=INK, mfc=INK if inside[name] else "white", ms=8)
            left = f > 0.9 or found.lower - 0.1 < f < found.lower
            ax.text(f + (-0.014 if left else 0.014), y, f"{f:.3f}", va="center", fontsize=9.5,
                    ha="right" if left else "left")  # fmt: skip
        ax.set_yticks(range(len(slips)), list(slips))
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(slips) - 0.5, -1.1)
        ax.set_xlim(0.45, 1.05)
        ax.text(found.upper + 0.006, -0.72, f"estimated: {found.value:.3f} ({found.lower:.3f} to "
                f"{found.upper:.3f})", va="center", color=PRINTED, fontsize=9.5)  # fmt: skip
        ax.set_xlabel("Factor on every standard error")
        ax.spines["left"].set_visible(False)
    fits, out = ([n for n, x in inside.items() if x is wanted] for wanted in (True, False))
    alt = (
        f"The factor common to {len(found.rows)} standard errors is {found.value:.3f}, 95% "
        f"interval {found.lower:.3f} to {found.upper:.3f}. Inside: {_list(slips, fits)}. Outside: "
        f"{_list(slips, out)}."
    )
    data = pd.DataFrame(
        [{"slip": n, "factor": f, "inside": inside[n], "common_factor": found.value,
          "lower": found.lower, "upper": found.upper} for n, f in slips.items()]
    )  # fmt: skip
    return Picture(figure, alt, data)


def _list(slips: dict[str, float], names: list[str]) -> str:
    return spell([f"{n} ({slips[n]:.3f})" for n in names]) if names else "none"


def codings_forest(fits: dict[str, Coded], sides: tuple[str, str]) -> Picture:
    """What is printed for one data set under each coding of its two groups."""
    rows, data = [], []
    for name, c in fits.items():
        e = c.printed
        codes = " / ".join(f"{x:g}" if x == round(x, 1) else f"{x:.4f}" for x in c.coding.codes)
        columns = (codes.replace("-", "−"), e.text(), f"{c.se:.3f}", f"{c.z:.2f}".replace("-", "−"),
                   p_text(c.p))  # fmt: skip
        rows.append(ForestRow(c.coding.label, columns, {"printed": e}))
        data.append({"coding": name, "code_reference": c.coding.codes[0], "code": c.coding.codes[1],
                     "hazard_ratio": e.value, "lower": e.lower, "upper": e.upper,
                     "coefficient": c.coefficient, "se": c.se, "z": c.z, "p": c.p})  # fmt: skip
    frame = pd.DataFrame(data)
    words = [f"{CODINGS[n].label.lower()} {c.printed.text()}" for n, c in fits.items()]
    same = frame["p"].max() - frame["p"].min() < 1e-9
    alt = (
        f"Hazard ratio printed from the same patients under each coding: {spell(words)}. "
        f"{'The P value is the same under all' if same else 'P values differ'}: "
        f"{p_text(frame['p'].iloc[0])}."
    )
    return forest(
        rows, headers=("Codes", "HR (95% CI)", "SE", "z", "P"),
        column_x=(0.13, 0.315, 0.53, 0.595, 0.66), ticks=(0.4, 0.6, 1, 1.6, 2.5), share=0.29,
        row_height=0.36, sides=sides, alt=alt, data=frame,
    )  # fmt: skip
