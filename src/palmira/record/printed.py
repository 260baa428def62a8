"""A number as a journal prints it: the string, its decimals, what it was before rounding."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from functools import cached_property

NUMBER = re.compile(r"^(?P<bound>[<>≤≥]?)\s*(?P<digits>[-−+]?(\d[\d,]*)?\.?\d+)$")
NOT_ESTIMABLE = frozenset({"NA", "NE", "NR", "NC"})


@dataclass(frozen=True)
class Printed:
    """A printed number: ``text`` as it stands in the paper and ``declared``, the number of decimals
    where a column drops trailing zeros.

    Raises ``ValueError`` when ``text`` is neither a number nor a mark for "not estimable".
    """

    text: str
    declared: int | None = None

    def __post_init__(self) -> None:
        if self.text not in NOT_ESTIMABLE and not NUMBER.match(self.text):
            raise ValueError(f"{self.text!r} is not a printed number")

    @cached_property
    def exact(self) -> Decimal | None:
        """The printed value as a decimal number; None where the paper prints "NA"."""
        match = NUMBER.match(self.text)
        if match is None:
            return None
        return Decimal(match["digits"].replace("−", "-").replace(",", ""))

    @property
    def _decimal(self) -> Decimal:
        return Decimal("NaN") if self.exact is None else self.exact

    @cached_property
    def value(self) -> float:
        """The printed value; NaN where the paper prints "NA"."""
        return float("nan") if self.exact is None else float(self.exact)

    @cached_property
    def bound(self) -> str:
        """ "<" or ">" where only a bound is printed, as in P < .001; otherwise empty."""
        match = NUMBER.match(self.text)
        return match["bound"] if match else ""

    @cached_property
    def decimals(self) -> int:
        """Decimals that the rounding went to: declared for the column, else those printed."""
        if self.declared is not None:
            return self.declared
        return 0 if self.exact is None else max(0, -int(self.exact.as_tuple().exponent))

    @cached_property
    def half_unit(self) -> float:
        """Half a unit of the last decimal."""
        return float(Decimal(5).scaleb(-self.decimals - 1))

    @cached_property
    def low(self) -> float:
        """Smallest number that rounds to the printed one."""
        return float(self._decimal - Decimal(5).scaleb(-self.decimals - 1))

    @cached_property
    def high(self) -> float:
        """Largest number that rounds to the printed one."""
        return float(self._decimal + Decimal(5).scaleb(-self.decimals - 1))

    def rounds_from(self, number: float, slack: float = 1e-9) -> bool:
        """Whether ``number``, rounded half up or half to even, prints as this."""
        return self.low - slack <= number <= self.high + slack

    def truncates_from(self, number: float) -> bool:
        """Whether ``number``, cut off after the printed decimals, prints as this."""
        if self.exact is None:
            return False
        unit = Decimal(1).scaleb(-self.decimals)
        cut = Decimal(repr(round(float(number), 12))).quantize(unit, rounding=ROUND_FLOOR)
        return cut == self.exact

    def __str__(self) -> str:
        return self.text

    def __float__(self) -> float:
        return self.value


_N = r"[<>≤≥]?\s*[-−+]?[\d.,]*\d"
_TO = r"(?: to |; ?|[-–])"
_LIMIT = rf"(?:{_N}|NA|NE|NR|NC)"

# How a cell of a table or a result in the text is laid out. A part's name says what each number is.
CELLS: dict[str, re.Pattern[str]] = {
    "value": re.compile(rf"^(?P<value>{_LIMIT})$"),
    "n": re.compile(rf"^(?P<count>{_N})$"),
    "%": re.compile(rf"^(?P<percent>{_N})$"),
    "n (%)": re.compile(rf"^(?P<count>{_N})(?: \((?P<percent>{_N})\))?$"),
    "events / n": re.compile(rf"^(?P<events>{_N}) / (?P<n>{_N})$"),
    "events / n (%)": re.compile(rf"^(?P<events>{_N}) / (?P<n>{_N}) \((?P<percent>{_N})\)$"),
    "estimate (lower to upper)": re.compile(
        rf"^(?P<estimate>{_LIMIT}) \((?P<lower>{_LIMIT}) to (?P<upper>{_LIMIT})\)$"
    ),
    "median (min to max)": re.compile(
        rf"^(?P<median>{_N}) \((?P<minimum>{_N}){_TO}(?P<maximum>{_N})\)$"
    ),
    "median (Q1 to Q3)": re.compile(rf"^(?P<median>{_N}) \((?P<q1>{_N}){_TO}(?P<q3>{_N})\)$"),
    "low to high": re.compile(rf"^(?P<low>{_N}){_TO}(?P<high>{_N})$"),
    "ratio": re.compile(r"^(?P<ratio>\d+(?::\d+)+)$"),
    "p": re.compile(rf"^(?P<p>{_N})$"),
    "date": re.compile(
        r"^(?P<date>[A-Z][a-z]+ \d{1,2}, \d{4}|[A-Z][a-z]+ \d{4}|\d{4}-\d\d(-\d\d)?)$"
    ),
    "text": re.compile(r"^(?P<text>(?s:.+))$"),
}
NOT_NUMBERS = frozenset({"date", "text", "ratio"})


def parse_date(text: str) -> date:
    """A printed date; a month alone is its first day."""
    for pattern in ("%B %d, %Y", "%Y-%m-%d", "%B %Y", "%Y-%m"):
        try:
            return datetime.strptime(text, pattern).date()
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a date")


def tidy(text: str, printed: str) -> str:
    """A recomputed number as the print would have it: a whole one without a zero behind the point,
    a P value without one before it."""
    if "." not in printed and text.count(".") == 1:
        return text.removesuffix(".0")
    return text.removeprefix("0") if printed.startswith(".") else text
