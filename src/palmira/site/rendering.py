"""How a page shows exhibits, and mathematics without a script."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from myst_nb.core.render import MimeData, MimeRenderPlugin, NbElementRenderer
from sphinx import addnodes

from palmira.record.evidence import MIME

OF_PANEL = "Some settings of this explorer; the data hold all of them."
PHONE = 400  # points: pictures up to this width are shown whole on a phone
PLAIN = '<details class="explorer-plain" open><summary>A few settings as a table</summary>'
# Of an SVG file, in points.
SIZE = re.compile(r'\b(width|height)="([\d.]+)pt"')


class ExhibitRenderer(MimeRenderPlugin):
    """Turns an exhibit into a numbered figure or table with its evidence class and CSV file."""

    mime_priority_overrides = (("*", MIME, 0),)

    @staticmethod
    def handle_mime(
        renderer: NbElementRenderer, data: MimeData, inline: bool
    ) -> list[nodes.Element] | None:
        if data.mime_type != MIME or inline:
            return None
        exhibit = data.content if isinstance(data.content, dict) else json.loads(data.string)
        element = _figure(renderer, exhibit) if "svg" in exhibit else _table(renderer, exhibit)
        element["names"].append(exhibit["name"])
        renderer.renderer.document.note_explicit_target(element, element)
        notes = [nodes.paragraph("", n, classes=["exhibit-note"]) for n in exhibit.get("notes", ())]
        shown = [element, *notes]
        return _panel(exhibit, shown) if exhibit["kind"] == "panel" else shown


def _figure(renderer: NbElementRenderer, exhibit: dict[str, Any]) -> nodes.figure:
    name, narrow = exhibit["name"], exhibit.get("narrow")
    wide = _image(renderer, name, exhibit["svg"], alt=exhibit["alt"], loading="lazy")
    small = float(wide["size"]["width"]) <= PHONE
    wide["classes"] = ["fits"] * bool(narrow or small) + ["small"] * small
    element = nodes.figure("", wide, classes=["exhibit"], align="center")
    if narrow:  # joined to the one before as its <source> for phones: palmira.site.booksite
        element += _image(renderer, f"{name}-narrow", narrow, alt="", classes=["narrow"])
    element += nodes.caption("", "", *_caption(renderer, exhibit))
    return element


def _image(renderer: NbElementRenderer, name: str, svg: str, **options: Any) -> nodes.image:
    uri = renderer.write_file([f"{name}.svg"], svg.encode(), overwrite=True)
    return nodes.image(uri=uri, size=dict(SIZE.findall(svg[:400])), **options)


def _table(renderer: NbElementRenderer, exhibit: dict[str, Any]) -> nodes.table:
    title = nodes.title("", "", *_caption(renderer, exhibit))
    return nodes.table("", title, _html(exhibit["html"]), classes=["exhibit"])


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def _panel(exhibit: dict[str, Any], table: list[nodes.Element]) -> list[nodes.Element]:
    """An explorer: what a script shows, and the table of a few settings that is there without."""
    kind = exhibit["evidence"]
    badge = f'<span class="evidence evidence-{kind}">{kind.capitalize()}</span>'
    head = f'<p class="explorer-caption">{escape(exhibit["caption"])} {badge}</p>'
    opening = f'<div class="explorer" id="{exhibit["name"]}-explorer">{head}{exhibit["panel"]}'
    return [_html(opening + PLAIN), *table, _html("</details></div>")]


def _caption(renderer: NbElementRenderer, exhibit: dict[str, Any]) -> list[nodes.Node]:
    uri = renderer.write_file([f"{exhibit['name']}.csv"], exhibit["csv"].encode(), overwrite=True)
    download = addnodes.download_reference("", "", nodes.inline("", "Data (CSV)"), reftarget=uri)
    kind = exhibit["evidence"]
    badge = nodes.inline("", f"{kind.capitalize()}", classes=["evidence", f"evidence-{kind}"])
    words = OF_PANEL if exhibit["kind"] == "panel" else exhibit["caption"]
    meaning = nodes.inline("", f": {exhibit['meaning']}. ", classes=["evidence-meaning"])
    return [nodes.Text(words + " "), badge, meaning, download]


def inline_math(translator: Any, node: nodes.math) -> None:
    """A formula in a line, as MathML."""
    translator.body.append(convert(node.astext(), display="inline"))
    raise nodes.SkipNode


def block_math(translator: Any, node: nodes.math_block) -> None:
    """A formula by itself, as MathML in a box that scrolls."""
    translator.body.append(
        f'<div class="math" tabindex="0">{convert(node.astext(), display="block")}</div>'
    )
    raise nodes.SkipNode
