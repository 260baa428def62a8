"""The Sphinx side of the book: chapters run where they must, pages mended, nothing needless."""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import create_nb_reader
from myst_nb.sphinx_ext import add_global_html_resources
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

from palmira.site import jupyter, launch, slides, source_pages
from palmira.site.cells import Fault
from palmira.site.execution import Run, Runs
from palmira.site.rendering import block_math, inline_math

LOGGER = logging.getLogger(__name__)

# Modules, beside this one, that say how pages and their notebooks are made.
MAKERS = ("cells", "execution", "jupyter", "launch", "rendering", "source_pages")
# What a kernel says of itself.
LANGUAGE = {"name": "python", "file_extension": ".py", "pygments_lexer": "ipython3"}
# Classic scripts: a module would not load from disk.
SCRIPTS = {
    'class="explorer"': ("vendor/d3.min.js", "vendor/plot.umd.min.js", "explorers.js"),
    'class="quiz"': ("quiz.js",),
    'id="the-blank-worksheet"': ("worksheet.js",),
}


# In the theme's and MyST-NB's markup.
BOX = '<div class="pst-scrollable-table-container"'
MENDS = {
    f"{BOX}>": f'{BOX} tabindex="0">',
    '<summary aria-label="Toggle hidden content">': "<summary>",
    '<th class="head': '<th scope="col" class="head',
    '<th class="stub': '<th scope="row" class="stub',
    ' role="doc-biblioentry"': ' role="listitem"',  # the other is deprecated
}
# A picture and, right after it, the same drawn for a phone (palmira.site.rendering).
TWO_WIDTHS = re.compile(r'(<img [^>]*>)\s*(<img [^>]*class="narrow"[^>]*>)')
# A frame as pandas writes it: head and body.
FRAME = re.compile(r'<table border="1" class="dataframe">(.*?</thead>)(.*?)</table>', re.DOTALL)
# What the theme brings and no page uses.
NEEDLESS = ("scripts/fontawesome.js*", "**/*.map", "**/*.ttf", "**/fa-brands*", "**/fa-regular*")


def _watch_sources(app: Sphinx, config: Config) -> None:
    """Every page is read again where what makes pages has changed; libraries begin to load."""
    here, lock = Path(__file__), Path(app.srcdir) / "requirements.lock"
    # Sphinx copies an edited style sheet or script only when a page is written.
    styles = sorted(Path(app.srcdir, "book", "_static").glob("*.*"))
    siblings = [here.with_name(f"{name}.py") for name in MAKERS]
    makers = (here, *siblings, lock, *(p for p in styles if p.is_file()))
    contents = [platform.python_version(), *(p.read_text("utf-8") for p in makers if p.exists())]
    config.palmira_sources = hashlib.sha256("".join(contents).encode()).hexdigest()
    config.nb_execution_cache_path = str(Path(app.outdir).parent / ".jupyter_cache")
    _runs(app).start()


def _runs(app: Any) -> Runs:
    """The kept runs, one object a build: it reads each source once."""
    if not hasattr(app, "palmira_runs"):
        app.palmira_runs = Runs(Path(app.srcdir))
    found: Runs = app.palmira_runs
    return found


def _teach(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """Scripts and style of explorers, quiz and worksheet, on the pages that have them."""
    for mark, files in SCRIPTS.items():
        if mark in context.get("body", ""):
            app.add_css_file("teach.css")
            for file in files:
                app.add_js_file(file, loading_method="defer")


def _outdated(app: Sphinx, env: Any, added: set[str], changed: set[str], gone: set[str]) -> Any:
    """Chapters whose kept run no longer holds, although their text is as it was."""
    known, runs = _executed(env), _runs(app)
    same = [name for name in known if name in env.found_docs and name not in added | changed]
    return [n for n in same if (runs.find(n, known[n][0]) or {}).get("key") != known[n][1]]


def _executed(env: Any) -> dict[str, tuple[list[str], str]]:
    """Code and key of the run of each chapter that was read."""
    return vars(env).setdefault("palmira_executed", {})


def _run_chapters(app: Sphinx, env: Any, names: list[str]) -> None:
    """Run what has to be run, and put it where MyST-NB looks before it starts a kernel."""
    app.palmira_anew = set(names) == env.found_docs  # type: ignore[attr-defined]
    notebooks = {name: nb for name in names if (nb := _notebook(env, name)) is not None}
    code = {name: [cell.source for cell in _cells(nb)] for name, nb in notebooks.items()}
    folder = Path(app.config.nb_execution_cache_path)
    shutil.rmtree(folder, ignore_errors=True)
    runs = _runs(app)
    runs.fill(code)
    if not code:
        return
    cache = get_cache(folder)
    for name, notebook in notebooks.items():
        run = runs.find(name, code[name])
        _executed(env)[name] = (code[name], run["key"] if run else "")
        _quote_faults(name, notebook, run, runs.fault(name, code[name]))
        if run is None:
            continue
        _fill(notebook, run)
        bundle = CacheBundleIn(
            notebook, env.doc2path(name), data={"execution_seconds": run["seconds"]}
        )
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def _quote_faults(
    name: str, notebook: nbformat.NotebookNode, run: Run | None, fault: Fault | None
) -> None:
    """Say which cell warns or raises, and what: either stops a strict build."""
    said = {fault.cell: f"raises {fault.message}"} if fault else {}
    for number, outputs in enumerate(run["outputs"] if run else ()):
        errors = [o["text"] for o in outputs if o.get("name") == "stderr"]
        if errors:
            said[number] = f"writes to stderr, as a warning does: {''.join(errors).strip()}"
    if not said:
        return
    lines = notebook.metadata.get("source_map") or [0] * len(notebook.cells)
    together = zip(notebook.cells, lines, strict=True)
    code = [(cell.source, line) for cell, line in together if cell.cell_type == "code"]
    for number, what in said.items():
        source, line = code[number]
        first = source.strip().partition("\n")[0]
        LOGGER.warning('%s: the cell "%s" %s', name, first, what, location=(name, line))


def _fill(notebook: nbformat.NotebookNode, run: Run) -> None:
    together = zip(_cells(notebook), run["outputs"], strict=True)
    for number, (cell, outputs) in enumerate(together, start=1):
        cell.execution_count, cell.outputs = number, nbformat.from_dict(outputs)


def _notebook(env: Any, name: str) -> nbformat.NotebookNode | None:
    """A page as a notebook, or None for a page without code."""
    path = Path(env.doc2path(name))
    text = path.read_text("utf-8")
    reader = create_nb_reader(str(path), env.myst_config, env.mystnb_config, text)
    return reader.read(text) if reader else None


def _cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _offer_notebook(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """Put the executed notebook beside its page, for the theme's download menu."""
    executed = Path(app.outdir).parent / "jupyter_execute" / f"{page}.ipynb"
    if not executed.exists():
        return
    notebook = nbformat.read(executed, as_version=4)
    # What MyST-NB takes from its cache does not reach the notebook that it writes.
    code, _ = _executed(app.env).get(page, ([], ""))
    if run := _runs(app).find(page, code):
        _fill(notebook, run)
    notebook.metadata["language_info"] = LANGUAGE
    jupyter.rewrite(notebook, page, _book(app))
    launch.introduce(notebook, Path(app.srcdir), launch.repository(Path(app.srcdir)))
    target = Path(app.outdir) / "_sources" / f"{page}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    context["ipynb_source"] = f"{page}.ipynb"


def _book(app: Any) -> jupyter.Book:
    """What references of all pages rest on, looked up once a build."""
    if not hasattr(app, "palmira_book"):
        env, labels = app.env, {}
        domain = env.get_domain("std")
        for name, (page, id) in domain.anonlabels.items():
            title, number = domain.labels.get(name, ("", "", ""))[2], ""
            for kind, numbered in env.toc_fignumbers.get(page, {}).items():
                if id in numbered:
                    number = app.config.numfig_format[kind] % ".".join(map(str, numbered[id]))
            labels[name] = jupyter.Label(page, title, number)
        bibliographies = [Path(app.srcdir, file) for file in app.config.bibtex_bibfiles]
        app.palmira_book = jupyter.Book(
            labels, jupyter.works(bibliographies), frozenset(_executed(env))
        )
    found: jupyter.Book = app.palmira_book
    return found


def _mend_body(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Boxes that scroll are reached by keyboard, folds are named by what they show (WCAG 2.1.1,
    2.5.3), header cells say what they head (1.3.1), roles are those in use, and the place of a
    picture that loads late is kept."""
    if not (body := context.get("body")):
        return
    for old, new in MENDS.items():
        body = body.replace(old, new)
    for image in doctree.findall(nodes.image) if doctree else ():
        if size := image.get("size"):
            end = f'/{PurePosixPath(image["uri"]).name}"'
            width, height = (round(float(size[side])) for side in ("width", "height"))
            body = body.replace(end, f'{end} width="{width}" height="{height}"')
    context["body"] = FRAME.sub(_with_scopes, TWO_WIDTHS.sub(_source, body))


def _with_scopes(found: re.Match[str]) -> str:
    """A frame that a cell gives, with what its header cells head and what it is, to be heard."""
    head, body = (part.replace("<th></th>", "<td></td>") for part in found.groups())
    head = re.sub(r"<th(?=[ >])", '<th scope="col"', head)
    body = re.sub(r"<th(?=[ >])", '<th scope="row"', body)
    caption = '<caption class="visually-hidden">What the cell above gives</caption>'
    return f'<table class="dataframe">{caption}{head}{body}</table>'


def _source(found: re.Match[str]) -> str:
    """A picture for a phone as the ``<source>`` of the one before it."""
    size = "".join(f' {n}="{v}"' for n, v in re.findall(r'(src|width|height)="([^"]*)"', found[2]))
    source = size.replace(" src=", " srcset=")
    return f'<picture><source media="(max-width: 600px)"{source}/>{found[1]}</picture>'


def _leave_out(app: Sphinx, exception: Exception | None) -> None:
    """Remove the theme's files that no page uses."""
    static = Path(app.outdir) / "_static"
    for pattern in NEEDLESS:
        for path in static.glob(pattern):
            path.unlink()


def _offer_live(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """The theme's launch menu, where a repository is set: it knows no second branch for notebooks,
    and would put its own copy of the notebook over ours."""
    links = launch.links(launch.repository(Path(app.srcdir)), page)
    if links and "ipynb_source" in context:
        run = {"icon": "fas fa-rocket", "tooltip": "Run this chapter"}
        buttons = [
            run
            | {"type": "link", "text": name, "url": url, "tooltip": f"{run['tooltip']} on {name}"}
            for name, url in links.items()
        ]
        group = {"type": "group", "label": "launch-buttons", "buttons": buttons}
        context["header_buttons"].append(run | group)


def _write_slides(app: Sphinx, exception: Exception | None) -> None:
    """After each build: they hold numbers and pictures of many pages."""
    source = Path(app.srcdir)
    if exception or app.builder.name != "html" or not (source / slides.SOURCE).exists():
        return
    site = Path(app.outdir)
    try:
        slides.write(source, site, site.parent / "jupyter_execute", sorted(app.env.found_docs))
    except slides.SlidesError as problem:
        LOGGER.warning("%s", problem)


def _name_solutions(app: Sphinx, doctree: nodes.document) -> None:
    """A cell that is hidden whole is the solution of an exercise."""
    for cell in doctree.findall(nodes.container):
        if cell.get("hide_mode") == "all":
            cell["prompt_show"], cell["prompt_hide"] = "Show the solution", "Hide the solution"


def _link_source(app: Sphinx, doctree: nodes.document) -> None:
    code, _ = _executed(app.env).get(app.env.docname, ([], ""))
    source_pages.link(app, doctree, code)


def _forget_what_failed(app: Sphinx, exception: Exception | None) -> None:
    """After a build with warnings the next one reads every page again.

    Sphinx tells of a fault while it reads a page; a second strict build would find the page
    unchanged, say nothing and pass.
    """
    if app._warncount:
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def _style_first(app: Sphinx) -> None:
    """MyST-NB writes its style sheet last; pages of a first build could not link it by checksum."""
    (Path(app.outdir) / "_static").mkdir(parents=True, exist_ok=True)
    add_global_html_resources(app, None)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("palmira_sources", "", "env")
    app.connect("config-inited", _watch_sources, priority=400)
    app.connect("builder-inited", _style_first)
    app.connect("env-get-outdated", _outdated)
    app.connect("env-before-read-docs", _run_chapters)
    app.connect("html-page-context", _offer_notebook, priority=400)
    app.connect("html-page-context", _mend_body, priority=401)
    app.connect("doctree-read", _name_solutions)
    app.connect("doctree-read", _link_source)
    app.connect("html-collect-pages", source_pages.pages)
    app.connect("html-page-context", _teach)
    app.connect("html-page-context", _offer_live, priority=600)
    app.connect("build-finished", _leave_out)
    app.connect("build-finished", _forget_what_failed)
    app.connect("build-finished", _write_slides, priority=600)
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
