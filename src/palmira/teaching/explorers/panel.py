"""An explorer: its controls, what it shows at each setting, and its markup.

The page's script looks up and draws; it computes and formats nothing. So what a reader sees is
what Python formatted, to the last digit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import product
from math import prod
from typing import Any, Literal

import pandas as pd

from palmira.show.exhibits import Panel, Table
from palmira.show.formats import minus

Numbers = float | list[float]
# A hazard ratio in three ways by key, those that are not published with their evidence.
READINGS = {
    "printed": "As published",
    "neutral": "With the narrowest possible interval (derived)",
    "conditional": "Rescaled (conditional)",
}


@dataclass(frozen=True)
class Control:
    """Something to set: a slider, a choice from a list, or a switch (out, in).

    ``values`` are its positions as the reader sees them, ``start`` the first one shown.
    """

    label: str
    values: tuple[str, ...]
    start: int = 0
    kind: Literal["slider", "choice", "switch"] = "choice"

    def html(self, id: str) -> str:
        """Label and native input."""
        label, first = escape(self.label), self.values[self.start]
        if self.kind == "switch":
            checked = " checked" if self.start else ""
            body = f'<input type="checkbox" id="{id}"{checked}> <label for="{id}">{label}</label>'
        elif self.kind == "slider":
            body = (
                f'<label for="{id}">{label}</label> <output for="{id}">{escape(first)}</output>'
                f'<input type="range" id="{id}" min="0" max="{len(self.values) - 1}" step="1" '
                f'value="{self.start}" aria-valuetext="{escape(first)}">'
            )
        else:
            options = "".join(
                f"<option{' selected' if i == self.start else ''}>{escape(value)}</option>"
                for i, value in enumerate(self.values)
            )
            body = f'<label for="{id}">{label}</label> <select id="{id}">{options}</select>'
        return f'<div class="explorer-control {self.kind}">{body}</div>'


@dataclass(frozen=True)
class Shown:
    """What one setting shows: ``texts`` to read by field, ``numbers`` to draw by name."""

    texts: dict[str, str]
    numbers: dict[str, Numbers]


@dataclass(frozen=True)
class Explorer:
    """Controls with what each of their settings shows (None: nothing can be shown there).

    ``settings`` run through the controls' positions, the last control fastest. ``columns`` head the
    ``readout``, whose rows are a label and a field for each column. ``sentence`` is the text
    alternative, with fields in braces; ``nothing`` stands where a setting shows nothing.
    ``drawing`` is what the drawing needs at all settings, ``more`` markup of the explorer's own.
    ``examples`` are the settings of the
    table that is read without a script. Raises ``ValueError`` where the settings do not fill the
    controls, or a field is not among their texts.
    """

    name: str
    controls: tuple[Control, ...]
    settings: Sequence[Shown | None]
    columns: tuple[str, ...]
    readout: tuple[tuple[str, ...], ...]
    sentence: str
    examples: tuple[int, ...]
    nothing: str = ""
    drawing: dict[str, Any] = field(default_factory=dict)
    more: str = ""

    def __post_init__(self) -> None:
        if prod(len(c.values) for c in self.controls) != len(self.settings):
            raise ValueError(f"{self.name}: the settings do not fill the controls")
        if not self.start or any(self.settings[i] is None for i in self.examples):
            raise ValueError(f"{self.name}: nothing is shown at the start or at an example")
        wanted = {f for _, *fields in self.readout for f in fields if f}
        if lost := wanted - set(self.start.texts):
            raise ValueError(f"{self.name}: no text for {sorted(lost)}")

    @property
    def start(self) -> Shown | None:
        """What is shown first."""
        place = 0
        for control in self.controls:
            place = place * len(control.values) + control.start
        return self.settings[place]

    @property
    def frame(self) -> pd.DataFrame:
        """Every setting with what it shows; one line each."""
        positions = product(*(c.values for c in self.controls))
        return pd.DataFrame(
            [
                dict(zip((c.label for c in self.controls), at, strict=True)) | shown.texts
                for at, shown in zip(positions, self.settings, strict=True)
                if shown is not None
            ]
        )

    @property
    def panel(self) -> Panel:
        """The explorer as a page shows it, with the table of its examples."""
        frame, kept = self.frame, [i for i, s in enumerate(self.settings) if s is not None]
        lines = frame.iloc[[kept.index(i) for i in self.examples]]
        names = {}
        for label, *fields in self.readout:
            for column, name in zip(self.columns[1:], fields, strict=True):
                names[name] = label if len(self.columns) == 2 else f"{label}: {column}"
        names.pop("", None)
        shown = lines[[*(c.label for c in self.controls), *names]].rename(columns=names)
        return Panel(self.html, Table(shown.T.reset_index().pipe(_headed), frame))

    @property
    def html(self) -> str:
        """Controls, room for the drawing, readout, text alternative, reset and address of the
        setting, and all settings as JSON."""
        controls = "".join(
            c.html(f"{self.name}-{number}") for number, c in enumerate(self.controls)
        )
        return (
            f'<form class="explorer-form" id="{self.name}" data-draw="{self.name}" hidden>'
            f'<div class="explorer-controls">{controls}</div>'
            '<div class="explorer-plot" aria-hidden="true"></div>'
            f'{self._readout()}<p class="explorer-said" role="status" aria-live="polite"></p>'
            f"{self.more}"
            '<p class="explorer-acts"><button type="reset" class="explorer-reset">Reset</button> '
            f'<a class="explorer-address" href="#{self.name}">Link to this setting</a></p>'
            f'<script type="application/json">{self._json()}</script></form>'
        )

    def _readout(self) -> str:
        head = "".join(f'<th scope="col">{escape(c)}</th>' for c in self.columns)
        rows = ""
        for label, *fields in self.readout:
            cells = "".join(f'<td data-field="{f}"></td>' if f else "<td>–</td>" for f in fields)
            rows += f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>'
        return (
            '<div class="explorer-readout" tabindex="0" role="region" aria-label="Numbers at this '
            'setting"><table><caption class="visually-hidden">Numbers at this setting</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )

    def _json(self) -> str:
        assert self.start
        texts, numbers = list(self.start.texts), list(self.start.numbers)
        values = [c.values for c in self.controls]
        told = {"sizes": [len(v) for v in values], "values": values}
        told |= {"fields": texts, "numbers": numbers, "sentence": self.sentence}
        told |= {"nothing": self.nothing, "drawing": self.drawing}
        told["texts"] = [s and [minus(s.texts[k]) for k in texts] for s in self.settings]
        told["drawn"] = [s and [_short(s.numbers[k]) for k in numbers] for s in self.settings]
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.replace("</", "<\\/")


def _short(numbers: Numbers) -> Numbers:
    """To draw, five digits are enough."""
    if isinstance(numbers, list):
        return [float(f"{x:.5g}") for x in numbers]
    return float(f"{numbers:.5g}")


def _headed(turned: pd.DataFrame) -> pd.DataFrame:
    """Settings side by side, named by letters; what was set and what is shown below each other."""
    letters = (f"Setting {chr(ord('A') + i)}" for i in range(turned.shape[1] - 1))
    return turned.set_axis(["", *letters], axis=1)
