"""Explorer of the contrast scale: what the same data print under each coding of two groups."""

from __future__ import annotations

import numpy as np

from palmira.readings.subgroups import subgroups
from palmira.readings.three_readings import reading
from palmira.record import Record
from palmira.statistics.contrasts import CODINGS, Coded, lung_under, rescaled
from palmira.statistics.estimates import p_text
from palmira.teaching.explorers.panel import Control, Explorer, Shown

MAIN = {
    "PFS, final": "contrasts.pfs.hazard_ratio", "PFS, preplanned": "contrasts.pfs.preplanned",
    "Overall survival": "contrasts.os.hazard_ratio",
}  # fmt: skip
PUBLIC = "Lung cancer, women to men (public data)"
NAMES = {"printed": "Printed (published)", "neutral": "Neutral (derived)",
         "conditional": "Full scale (conditional)"}  # fmt: skip


def ratios(record: Record) -> dict[str, str | None]:
    """Hazard ratios to choose from by name: the cell of each in the record; None for the public
    data, which are fitted anew."""
    lines = {f"{record.trial}, {name}": cell for name, cell in MAIN.items()}
    rows = {f"{record.trial}, {s.name}": s.cells["hazard_ratio.estimate"].cell
            for s in subgroups(record) if s.factor}  # fmt: skip
    return {PUBLIC: None} | lines | rows


def coded(record: Record, cell: str | None, coding: str) -> Coded:
    """What a model prints: fitted to the public data, or, for a ratio of the record, what follows
    if its full scale is the truth (conditional)."""
    if cell is None:
        return lung_under(coding)
    return rescaled(reading(record, cell).ways.conditional, coding)


def explorer(record: Record) -> Explorer:
    """The explorer of all hazard ratios of the trial, and of public patients."""
    chosen, settings = ratios(record), []
    for cell in chosen.values():
        every = {name: coded(record, cell, name) for name in CODINGS}
        texts = {k: "–" for k in NAMES} if cell is None else reading(record, cell).texts
        estimates = [c.printed for c in every.values()]
        numbers = {
            "estimate": [e.value for e in estimates], "lower": [e.lower for e in estimates],
            "upper": [e.upper for e in estimates],
        }  # fmt: skip
        for place, one in enumerate(every.values()):
            low, high = one.coding.codes
            shown = {
                "coding": one.coding.label.lower(), "codes": f"{low:.3g} and {high:.3g}",
                "divisor": f"{one.coding.divisor:.3f}", "ratio": one.printed.text(),
                "log": f"{one.coefficient:.3f}", "se": f"{one.se:.3f}", "z": f"{one.z:.2f}",
                "p": p_text(one.p),
            }  # fmt: skip
            settings.append(Shown(shown | texts, numbers | {"place": float(place)}))
    codings = tuple(f"{c.label} ({c.where})" for c in CODINGS.values())
    start, width = list(CODINGS).index("orthonormal"), len(CODINGS)
    return Explorer(
        name="scale",
        controls=(
            Control("Data", tuple(chosen), 1), Control("Coding of the groups", codings, start),
        ),
        settings=settings,
        columns=("", "At this setting"),
        readout=(
            ("Codes of the two groups", "codes"),
            ("Hazard ratio that is printed, with 95% interval", "ratio"),
            ("Log hazard ratio", "log"),
            ("Its standard error", "se"),
            ("z", "z"),
            ("P", "p"),
            ("Log ratio and standard error are divided by", "divisor"),
            *((f"The paper's ratio. {words}", name) for name, words in NAMES.items()),
        ),
        sentence="Under {coding} coding (codes {codes}) the same data print a hazard ratio of "
        "{ratio} with P = {p}. z is {z} under every coding.",
        examples=tuple(int(x) for x in np.arange(width) + width),
        drawing={"codings": [c.label for c in CODINGS.values()]},
    )  # fmt: skip
