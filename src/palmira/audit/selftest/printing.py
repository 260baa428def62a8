"""How a journal prints numbers: rounding, decimals, cells, and the true value behind each print."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from math import isfinite
from typing import Any

import numpy as np

from palmira.audit.selftest.small_trials import Array
from palmira.statistics.estimates import Estimate

MODES = {"half up": ROUND_HALF_UP, "half even": ROUND_HALF_EVEN, "cut off": ROUND_DOWN}
# Share of papers by style: how percents are printed, and how everything else is.
STYLES = {
    "half up": (0.6, "half up", "half up"),
    "half even": (0.1, "half even", "half even"),
    "percents cut off": (0.2, "cut off", "half up"),
    "all cut off": (0.1, "cut off", "cut off"),
}
Limits = Callable[[float], Estimate]  # an estimate with its interval, by the level in percent


def printed(value: float, decimals: int, mode: str) -> str:
    """A number as printed; "NA" where it is not finite."""
    if not isfinite(value):
        return "NA"
    exact = Decimal(repr(round(float(value), 10)))
    text = f"{exact.quantize(Decimal(1).scaleb(-decimals), rounding=MODES[mode]):f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


@dataclass(frozen=True)
class Cell:
    """A printed cell, the true value of each of its parts, and what it would print with a 90%
    interval in place of a 95% one."""

    text: str
    truth: dict[str, float]
    narrow: str | None = None


@dataclass(frozen=True)
class Style:
    """One paper's habits."""

    name: str
    percents: str
    numbers: str
    leading_zero: bool
    trailing_zeros: bool
    event_percents: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Style:
        """Habits of a paper, by the shares of ``STYLES``."""
        name = str(rng.choice(list(STYLES), p=[s[0] for s in STYLES.values()]))
        zero, trailing, shares = rng.random() < 0.5, rng.random() < 0.85, rng.random() < 0.5
        return cls(name, *STYLES[name][1:], bool(zero), bool(trailing), bool(shares))

    def percent(self, value: float) -> str:
        """A percent with one decimal."""
        return printed(value, 1, self.percents)

    def count(self, k: float) -> Cell:
        """A count alone."""
        return Cell(f"{k:.0f}", {"count": k})

    def share(self, k: float, n: float) -> Cell:
        """``n (%)``; the count alone where nobody is at hand."""
        if n == 0:
            return self.count(k)
        value = 100 * k / n
        return Cell(f"{k:.0f} ({self.percent(value)})", {"count": k, "percent": value})

    def events(self, k: float, n: float) -> Cell:
        """``events / n`` or ``events / n (%)``."""
        text, truth = f"{k:.0f} / {n:.0f}", {"events": k, "n": n}
        if self.event_percents:
            return Cell(f"{text} ({self.percent(100 * k / n)})", {**truth, "percent": 100 * k / n})
        return Cell(text, truth)

    def alone(self, value: float) -> Cell:
        """A percent alone."""
        return Cell(self.percent(value), {"percent": value})

    def interval(self, limits: Limits, level: float, decimals: int, kind: str = "number") -> Cell:
        """``estimate (lower to upper)``; ``limits`` gives the three at a level; ``kind`` is number,
        percent or short (trailing zeros dropped where that is the paper's habit)."""
        mode = self.percents if kind == "percent" else self.numbers

        def text(e: Estimate) -> str:
            words = [printed(v, decimals, mode) for v in (e.value, e.lower, e.upper)]
            if kind == "short" and not self.trailing_zeros:
                words = [w.rstrip("0").rstrip(".") if "." in w else w for w in words]
            return "{} ({} to {})".format(*words)

        e = limits(level)
        truth = {"estimate": e.value, "lower": e.lower, "upper": e.upper}
        return Cell(text(e), truth, text(limits(90)) if level == 95 else None)

    def p(self, value: float) -> Cell:
        """A P value with three decimals, or the bound beyond which none is printed."""
        text = printed(value, 3, self.numbers)
        if value < 0.001:
            text = "<0.001"
        elif text == "1.000" or value > 0.999:
            text = ">0.999"
        return Cell(text if self.leading_zero else text.replace("0.", ".", 1), {"p": value})

    def median(self, values: Array, decimals: int) -> Cell:
        """``median (min-max)`` of patients' values."""
        least, most = float(np.min(values)), float(np.max(values))
        truth = {"median": float(np.median(values)), "minimum": least, "maximum": most}
        words = [printed(v, decimals, self.numbers) for v in truth.values()]
        return Cell("{} ({}-{})".format(*words), truth)


# Attributes of columns and rows that many of a paper have.
About = dict[str, Any]
Columns = Mapping[str, About]
FINAL: About = {"analysis": "final", "population": "randomized"}
PATIENTS: About = {"cell": "n (%)", "population": "randomized"}
COUNTS: About = {"cell": "n (%)", "measure": "count", "unit": "patients"}
RANGE: About = {"cell": "median (min to max)", "measure": "median"}
INTERVAL: About = {"cell": "estimate (lower to upper)", "interval_level": "95"}


@dataclass
class Draft:
    """A paper in the making: its blocks, and the truth behind its entries by id.

    ``narrow`` holds each cell that prints a 95% interval with its 90% interval instead, ``other_p``
    the P values of other tests by row, ``log_log_tests`` the rows of differences whose P is of
    that scale.
    """

    style: Style
    blocks: list[dict[str, Any]] = field(default_factory=list)
    truth: dict[str, float] = field(default_factory=dict)
    narrow: dict[str, str] = field(default_factory=dict)
    other_p: dict[str, dict[str, float]] = field(default_factory=dict)
    log_log_tests: set[str] = field(default_factory=set)

    def block(self, id: str, title: str, columns: Columns | None = None, **about: Any) -> None:
        """Begin a block; rows are added to the last one."""
        block = {"id": id, "title": title, "place": title, **about, "rows": []}
        if columns:
            block["columns"] = dict(columns)
        self.blocks.append(block)

    def row(
        self, id: str, label: str, *cells: Cell | str | None, p: Cell | None = None, **about: Any
    ) -> None:
        """Add a row of cells (a plain string for text, a date or a ratio) to the last block."""
        block = self.blocks[-1]
        values = [c.text if isinstance(c, Cell) else c for c in cells]
        row = {"id": id, "label": label, "values": values, **about}
        if p:
            row["p"] = p.text
            self.truth[f"{block['id']}.{id}.p"] = p.truth["p"]
        block["rows"].append(row)
        for column, cell in zip(block.get("columns", [""]), cells, strict=True):
            if isinstance(cell, Cell):
                stem = ".".join(x for x in (block["id"], id, column) if x)
                self.truth |= {f"{stem}.{part}": v for part, v in cell.truth.items()}
                if cell.narrow:
                    self.narrow[stem] = cell.narrow
