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
        caption = _caption(renderer, exhibit)
        document = renderer.renderer.document
        if exhibit["kind"] == "figure":
            image = f"{exhibit['name']}.svg"
            uri = renderer.write_file([image], exhibit["svg"].encode(), overwrite=True)
            element = nodes.figure(classes=["exhibit"], align="center")
            size = dict(SIZE.findall(exhibit["svg"][:400]))
            narrow, small = exhibit.get("narrow"), float(size["width"]) <= PHONE
            classes = ["fits"] * bool(narrow or small) + ["small"] * small
            element += nodes.image(
                uri=uri, alt=exhibit["alt"], loading="lazy", size=size, classes=classes
            )
            if narrow:
                # Joined to the one before as its <source> for phones: palmira.site.booksite.
                beside = f"{exhibit['name']}-narrow.svg"
                uri = renderer.write_file([beside], narrow.encode(), overwrite=True)
                size = dict(SIZE.findall(narrow[:400]))
                element += nodes.image(uri=uri, alt="", classes=["narrow"], size=size)
            element += nodes.caption("", "", *caption)
            rest = []
        else:
            element = nodes.table(classes=["exhibit"])
            element += nodes.title("", "", *caption)
            element += nodes.raw("", exhibit["html"], format="html")
            rest = [
                nodes.paragraph("", note, classes=["exhibit-note"]) for note in exhibit["notes"]
            ]
        element["names"].append(exhibit["name"])
        document.note_explicit_target(element, element)
        if exhibit["kind"] == "panel":
            return _panel(exhibit, [element, *rest])
        return [element, *rest]


def _panel(exhibit: dict[str, Any], table: list[nodes.Element]) -> list[nodes.Element]:
    """An explorer: what a script shows, and the table of a few settings that is there without."""
    kind = exhibit["evidence"]
    badge = f'<span class="evidence evidence-{kind}">{kind.capitalize()}</span>'
    head = f'<p class="explorer-caption">{escape(exhibit["caption"])} {badge}</p>'
    before = nodes.raw(
        "", f'<div class="explorer" id="{exhibit["name"]}-explorer">{head}{exhibit["panel"]}'
        '<details class="explorer-plain" open><summary>A few settings as a table</summary>',
        format="html",
    )  # fmt: skip
    return [before, *table, nodes.raw("", "</details></div>", format="html")]


def _caption(renderer: NbElementRenderer, exhibit: dict[str, Any]) -> list[nodes.Node]:
    uri = renderer.write_file([f"{exhibit['name']}.csv"], exhibit["csv"].encode(), overwrite=True)
    download = addnodes.download_reference("", "", nodes.inline("", "Data (CSV)"), reftarget=uri)
    kind = exhibit["evidence"]
    badge = nodes.inline("", f"{kind.capitalize()}", classes=["evidence", f"evidence-{kind}"])
    words = OF_PANEL if exhibit["kind"] == "panel" else exhibit["caption"]
    return [
        nodes.Text(words + " "), badge,
        nodes.inline("", f": {exhibit['meaning']}. ", classes=["evidence-meaning"]), download,
    ]  # fmt: skip


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
