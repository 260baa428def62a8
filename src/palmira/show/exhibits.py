"""What a page shows: a picture or a table with its evidence class, caption, alt text and data."""

from __future__ import annotations

import base64
import io
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any

import matplotlib as mpl
import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure
from matplotlib.text import Text

from palmira.record.evidence import MIME, Evidence
from palmira.show.formats import minus
from palmira.show.style import MUTED, Look

SMALLEST = 9  # points, of a figure's text
# (0.66 to 1.07), (n = 135), (± 0.4)
INTERVAL = re.compile(r"\((?:n = |± )?[-−]?[\d.∞][^()]{0,22}\)")


def _tie(text: str) -> str:
    """Escaped text of a cell: intervals and P values are not broken, a minus is one."""
    text = INTERVAL.sub(lambda m: m.group().replace(" ", "\u00a0"), text)
    return escape(minus(text.replace(" P .", " P\u00a0.")))


@dataclass(frozen=True)
class Picture:
    """A figure, the text that says what it shows, and the numbers behind it; where there is one,
    what draws the same figure for a phone (``narrow``)."""

    figure: Figure
    alt: str
    data: pd.DataFrame
    narrow: Callable[[], Figure] | None = None


@dataclass(frozen=True)
class Table:
    """A table to read (``frame``: text; its first column heads each row) and its ``data``.

    Where ``group`` names a column of ``frame``, its values become heading rows. ``data`` are the
    numbers behind the table, by default the frame itself.
    """

    frame: pd.DataFrame
    data: pd.DataFrame | None = None
    group: str | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def html(self) -> str:
        """Header and body of an HTML table, with the scope of each header cell."""
        frame = self.frame.drop(columns=[self.group]) if self.group else self.frame
        head = "".join(f'<th scope="col">{_tie(str(c))}</th>' for c in frame.columns)
        longest = [frame.iloc[:, i].astype(str).str.len().max() for i in range(1, frame.shape[1])]
        opening = [
            '<td class="words long">' if n > 90 else '<td class="words">' if n > 40 else "<td>"
            for n in longest
        ]
        lines = [f"<thead><tr>{head}</tr></thead>", "<tbody>"]
        previous = None
        names = self.frame[self.group or frame.columns[0]]
        for row, name in zip(frame.itertuples(index=False, name=None), names, strict=True):
            if self.group and name != previous:
                span = f'scope="rowgroup" colspan="{frame.shape[1]}"'
                lines.append(f'<tr class="group"><th {span}>{escape(str(name))}</th></tr>')
                previous = name
            first, *rest = ("" if pd.isna(v) else _tie(str(v)) for v in row)
            cells = "".join(f"{td}{v}</td>" for td, v in zip(opening, rest, strict=True))
            lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
        lines.append("</tbody>")
        return "\n".join(lines)


@dataclass(frozen=True)
class Panel:
    """Something to set and read, by a script of the page: its markup, which stays hidden without
    the script, and the table that is read in its place."""

    html: str
    table: Table


def needs(frame: pd.DataFrame, plot: str, *columns: str) -> None:
    """Raise ``ValueError`` where the frame of a plot (as "a forest plot") has no row or column."""
    if frame.empty:
        raise ValueError(f"{plot} needs at least one row")
    if lost := [c for c in columns if c not in frame]:
        raise ValueError(f"the frame of {plot} lacks {lost}")


def svg(figure: Figure, name: str) -> str:
    """The figure as SVG, the same bytes on every run (no date, ids seeded by ``name``)."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def show(
    content: Picture | Table | Panel | pd.DataFrame | Figure,
    *,
    name: str,
    caption: str,
    evidence: Evidence | str,
    alt: str = "",
    data: pd.DataFrame | None = None,
    group: str | None = None,
    notes: tuple[str, ...] = (),
) -> None:
    """Display a picture, a table or a panel in the book and in JupyterLab alike.

    ``content`` is what the plot kit gives; or a frame whose cells are read as they stand, with
    ``group``, ``notes`` and ``data`` as those of ``Table``; or a matplotlib figure with its ``alt``
    text and ``data``. ``name`` is the label for cross-references and the name of the CSV file; a
    picture also carries its evidence class inside, so that a copied picture still says it.
    JupyterLab has no script for a panel and shows its table. Raises ``ValueError`` for a picture
    with text too small to read, and for a figure without alt text or data.
    """
    evidence = Evidence(evidence)
    panel = {}
    if isinstance(content, Panel):
        panel, content = {"kind": "panel", "panel": content.html}, content.table
    elif isinstance(content, pd.DataFrame):
        content = Table(content, data, group, tuple(notes))
    elif isinstance(content, Figure):
        content = _picture(content, name, alt, data)
    data = content.data if content.data is not None else content.frame  # type: ignore[union-attr]
    if evidence is Evidence.SYNTHETIC and "evidence" not in data:
        # A copied file still has to say that no patient of a trial is in it.
        data = data.assign(evidence=evidence.value)[["evidence", *data.columns]]
    exhibit: dict[str, Any] = {
        "name": name,
        "caption": caption,
        "evidence": evidence.value,
        "meaning": evidence.meaning,
        "csv": data.to_csv(index=False, lineterminator="\n"),
    }
    badge = f"<strong>{evidence.value.capitalize()}</strong> ({evidence.meaning})."
    if isinstance(content, Picture):
        exhibit |= {"kind": "figure", "alt": content.alt}
        exhibit["svg"] = _drawn(content.figure, name, evidence)
        if content.narrow:
            exhibit["narrow"] = _drawn(content.narrow(), f"{name}-narrow", evidence)
        source = base64.b64encode(exhibit["svg"].encode()).decode()
        body = f'<img alt="{escape(content.alt)}" src="data:image/svg+xml;base64,{source}">'
        html = f"<figure>{body}<figcaption>{escape(caption)} {badge}</figcaption></figure>"
    else:
        told = [minus(note) for note in content.notes]
        exhibit |= {"kind": "table", "html": content.html, "notes": told}
        below = "".join(f"<p>{escape(note)}</p>" for note in told)
        html = f"<table><caption>{escape(caption)} {badge}</caption>{content.html}</table>{below}"
    exhibit |= panel
    plain = f"{caption} [{evidence.value}]"
    display({MIME: exhibit, "text/html": html, "text/plain": plain}, raw=True)


def _picture(figure: Figure, name: str, alt: str, data: pd.DataFrame | None) -> Picture:
    """A figure of a chapter's own; pyplot, if it made it, forgets it."""
    if not alt or data is None:
        need = "a figure needs its alt text and data"
        raise ValueError(f"{name}: {need}. Mend: show(..., alt=, data=).")
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close(figure)
    return Picture(figure, alt, data)


def _drawn(figure: Figure, name: str, evidence: Evidence) -> str:
    """The figure with its evidence class as SVG. Raises ``ValueError`` for too small a text."""
    tag: Look = {
        "ha": "right",
        "va": "bottom",
        "fontsize": SMALLEST,
        "color": MUTED,
        "style": "italic",
    }
    figure.text(0.995, 0.005, f"evidence: {evidence.value}", **tag)
    if small := [t.get_text() for t in figure.findobj(Text) if _too_small(t)]:
        raise ValueError(f"{name}: text below {SMALLEST} points: {small[:3]}. Mend: enlarge it.")
    return svg(figure, name)


def _too_small(text: Any) -> bool:
    seen = text.get_visible() and text.get_text().strip()
    return bool(seen) and text.get_fontsize() < SMALLEST
