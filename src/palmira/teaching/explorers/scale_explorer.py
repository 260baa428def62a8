"""Explorer of the contrast scale: what the same data give under each coding of two groups."""

from __future__ import annotations

from palmira.readings.subgroups import subgroups
from palmira.readings.three_readings import reading
from palmira.record import Record
from palmira.show.formats import p_text
from palmira.statistics.contrasts import CODINGS, Coded, lung_under, rescaled
from palmira.teaching.explorers.panel import READINGS, Control, Explorer, Shown

MAIN = {
    "PFS, final": "contrasts.pfs.hazard_ratio",
    "PFS, preplanned": "contrasts.pfs.preplanned",
    "Overall survival": "contrasts.os.hazard_ratio",
}
PUBLIC = "Lung cancer, women to men (public data)"


def ratios(record: Record) -> dict[str, str | None]:
    """Hazard ratios to choose from by name: the cell of each in the record; None for the public
    data, to which a model is fitted here."""
    lines = {f"{record.trial}, {name}": cell for name, cell in MAIN.items()}
    every = [s for s in subgroups(record) if s.factor]
    rows = {f"{record.trial}, {s.name}": s.cells["hazard_ratio.estimate"].cell for s in every}
    return {PUBLIC: None} | lines | rows


def coded(record: Record, cell: str | None, coding: str) -> Coded:
    """What a model reports: fitted to the public data, or, for a ratio of the record, what follows
    if its rescaled value is the truth (conditional)."""
    if cell is None:
        return lung_under(coding)
    return rescaled(reading(record, cell).ways.conditional, coding)


def explorer(record: Record) -> Explorer:
    """The explorer of all hazard ratios of the trial, and of public patients."""
    chosen, settings = ratios(record), []
    for cell in chosen.values():
        every = [coded(record, cell, name) for name in CODINGS]
        texts = {k: "–" for k in READINGS} if cell is None else reading(record, cell).texts
        limits = {"estimate": "value", "lower": "lower", "upper": "upper"}
        numbers = {k: [getattr(c.printed, v) for c in every] for k, v in limits.items()}
        for place, one in enumerate(every):
            settings.append(Shown(_texts(one) | texts, numbers | {"place": float(place)}))
    codings = tuple(f"{c.label} ({c.where})" for c in CODINGS.values())
    start, width = list(CODINGS).index("orthonormal"), len(CODINGS)
    return Explorer(
        name="scale",
        controls=(
            Control("Data", tuple(chosen), 1),
            Control("Coding of the groups", codings, start),
        ),
        settings=settings,
        columns=("", "At this setting"),
        readout=(
            ("Codes of the two groups", "codes"),
            ("Reported hazard ratio (95% CI)", "ratio"),
            ("Log hazard ratio", "log"),
            ("Its standard error", "se"),
            ("z", "z"),
            ("P", "p"),
            ("Log ratio and standard error are divided by", "divisor"),
            *((f"The article's hazard ratio. {words}", name) for name, words in READINGS.items()),
        ),
        sentence="With {coding} coding (codes {codes}) the same data give a hazard ratio of "
        "{ratio}, P = {p}. z is {z} with every coding.",
        examples=tuple(range(width, 2 * width)),
        drawing={"codings": [c.label for c in CODINGS.values()]},
    )


def _texts(one: Coded) -> dict[str, str]:
    """What is read of one coding."""
    coding, (low, high) = one.coding, one.coding.codes
    texts = {"coding": coding.label.lower(), "codes": f"{low:.3g} and {high:.3g}"}
    texts |= {"divisor": f"{coding.divisor:.3f}", "ratio": one.printed.text()}
    texts |= {"log": f"{one.coefficient:.3f}", "se": f"{one.se:.3f}", "z": f"{one.z:.2f}"}
    return texts | {"p": p_text(one.p)}
