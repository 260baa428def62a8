"""The Sphinx side of the book: exhibits, mathematics without a script, pages never out of date."""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from latex2mathml.converter import convert
from myst_nb.core.render import MimeData, MimeRenderPlugin, NbElementRenderer
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config

from palmira.exhibits import MIME

# What the pages are computed from, besides their own text.
SOURCES = ("src/palmira/**/*.py", "data/**/*", "requirements.lock", "CITATION.cff")


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
            element += nodes.image(uri=uri, alt=exhibit["alt"])
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
        return [element, *rest]


def _caption(renderer: NbElementRenderer, exhibit: dict[str, Any]) -> list[nodes.Node]:
    uri = renderer.write_file([f"{exhibit['name']}.csv"], exhibit["csv"].encode(), overwrite=True)
    download = addnodes.download_reference("", "", nodes.inline("", "Data (CSV)"), reftarget=uri)
    kind = exhibit["evidence"]
    badge = nodes.inline("", f"{kind.capitalize()}", classes=["evidence", f"evidence-{kind}"])
    return [
        nodes.Text(exhibit["caption"] + " "), badge,
        nodes.inline("", f": {exhibit['meaning']}. ", classes=["evidence-meaning"]), download,
    ]  # fmt: skip


def _inline_math(translator: Any, node: nodes.math) -> None:
    translator.body.append(convert(node.astext(), display="inline"))
    raise nodes.SkipNode


def _block_math(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(
        f'<div class="math" tabindex="0">{convert(node.astext(), display="block")}</div>'
    )
    raise nodes.SkipNode


def digest(root: Path) -> str:
    """One word for everything the pages are computed from: package, data, lock, Python version."""
    total = hashlib.sha256(platform.python_version().encode())
    for pattern in SOURCES:
        for path in sorted(p for p in root.glob(pattern) if p.is_file()):
            total.update(path.relative_to(root).as_posix().encode())
            total.update(path.read_bytes())
    return total.hexdigest()[:16]


def _watch_sources(app: Sphinx, config: Config) -> None:
    """A changed helper, record or lock re-executes every page; a revert finds its cache."""
    key = digest(Path(app.srcdir))
    config.palmira_sources = key
    config.nb_execution_cache_path = str(Path(app.outdir).parent / ".jupyter_cache" / key)


def _offer_notebook(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """Put the executed notebook beside its page, for the theme's download menu."""
    if context.get("body"):
        context["body"] = context["body"].replace(
            '<div class="pst-scrollable-table-container">',
            '<div class="pst-scrollable-table-container" tabindex="0">',
        )
    executed = Path(app.outdir).parent / "jupyter_execute" / f"{page}.ipynb"
    if not executed.exists():
        return
    notebook = nbformat.read(executed, as_version=4)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell.metadata.pop("execution", None)
    target = Path(app.outdir) / "_sources" / f"{page}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    context["ipynb_source"] = f"{page}.ipynb"


def _caption_execution_times(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """MyST-NB's table of execution times comes without a caption."""
    if "has_exec_table" not in NbMetadataCollector.get_doc_data(app.env).get(page, {}):
        return
    for table in doctree.findall(nodes.table):
        if not isinstance(table[0], nodes.title):
            table.insert(0, nodes.title("", "Execution time of each chapter"))
            table["ids"].append("execution-times")


def _forget_what_failed(app: Sphinx, exception: Exception | None) -> None:
    """After a build with warnings the next one reads every page again.

    Sphinx tells of a fault while it reads a page; a second strict build would find the page
    unchanged, say nothing and pass.
    """
    if app._warncount:
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("palmira_sources", "", "env")
    app.connect("config-inited", _watch_sources, priority=400)
    app.connect("html-page-context", _offer_notebook, priority=400)
    app.connect("doctree-resolved", _caption_execution_times)
    app.connect("build-finished", _forget_what_failed)
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
