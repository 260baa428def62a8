"""The package's source beside the book: pages of modules, and links to them from what calls them.

A chapter ends with links to the functions and classes that it imports, an entry of the package page
has one to its own source. The names are found in the source text, so nothing is imported for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge

PACKAGE = Path(__file__).parents[1]
HOME = "notebooks/package"
HEAD = """\
<h1>Source code of {module}</h1>
<p>Part of <a href="{home}">the Python package</a> of <em>PALMIRA, executable</em>.</p>
"""
LABEL = "Source code of the functions on this page: "
FUNCTIONS = ast.FunctionDef | ast.ClassDef


class Place(NamedTuple):
    """Where a function, a class or (with no ``name``) a module of the package is written."""

    module: str
    name: str = ""

    @property
    def page(self) -> str:
        return f"_modules/{self.module.replace('.', '/')}"


def _file(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _statements(module: str) -> list[ast.stmt]:
    return ast.parse(_file(module).read_text("utf-8")).body


def place(module: str, name: str) -> Place | None:
    """Where ``name``, imported from ``module``, is written; None for a constant."""
    statements = _statements(module)
    if any(node.name == name for node in statements if isinstance(node, FUNCTIONS)):
        return Place(module, name)
    for origin, own, here in _imported(statements):
        if here == name:
            return place(origin, own)
    submodule = f"{module}.{name}"
    return Place(submodule) if _file(submodule).exists() else None


def _imported(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, str, str]]:
    """Imports from the package: module, the name there and the name here."""
    for node in statements:
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == PACKAGE.name:
            for alias in node.names:
                yield str(node.module), alias.name, alias.asname or alias.name


def called(code: Iterable[str]) -> list[Place]:
    """Where the functions and classes that some cells import from the package are written."""
    imports = (imported for cell in code for imported in _imported(_parsed(cell)))
    found = (place(module, name) for module, name, _ in imports)
    return list(dict.fromkeys(there for there in found if there))


def _parsed(cell: str) -> list[ast.stmt]:
    try:
        return ast.parse(cell).body
    except SyntaxError:  # a magic command, or a fault that the run of the chapter tells
        return []


def anchors(module: str) -> dict[int, str]:
    """Names of functions, classes and methods by the line where each begins."""
    found = _beginnings(_statements(module))
    for node in _statements(module):
        if isinstance(node, ast.ClassDef):
            inner = _beginnings(node.body)
            found |= {line: f"{node.name}.{name}" for line, name in inner.items()}
    return found


def _beginnings(statements: Iterable[ast.stmt]) -> dict[int, str]:
    functions = [node for node in statements if isinstance(node, FUNCTIONS)]
    return {min(n.lineno for n in (f, *f.decorator_list)): f.name for f in functions}


def link(app: Sphinx, doctree: nodes.document, code: Iterable[str]) -> None:
    """Add the links of a page whose cells are ``code``, and note which modules they lead to."""
    page, linked = app.env.docname, set()

    def reference(there: Place, words: nodes.Element) -> nodes.reference:
        linked.add(there.module)
        uri = app.builder.get_relative_uri(page, there.page)
        anchored = f"{uri}#{there.name}" if there.name else uri
        return nodes.reference("", "", words, refuri=anchored, internal=True)

    for signature in doctree.findall(addnodes.desc_signature):
        name = signature.get("fullname", "")
        if there := place(signature["module"], name.partition(".")[0]):
            words = nodes.inline("", "[source]", classes=["viewcode-link"])
            signature += reference(Place(there.module, name), words)
    if places := called(code):
        line = nodes.paragraph("", LABEL, classes=["source-links"])
        for there in places:
            words = nodes.literal("", there.name or there.module.rpartition(".")[2])
            line += [reference(there, words), nodes.Text(", ")]
        line[-1] = nodes.Text(".")
        doctree += line
    modules(app.env)[page] = linked


def modules(env: Any) -> dict[str, set[str]]:
    """Modules that each page links to."""
    return vars(env).setdefault("palmira_modules", {})


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """For Sphinx to write: a page for each module that another page links to, if it has changed."""
    highlighter = PygmentsBridge()
    for module in sorted(set().union(*modules(app.env).values())):
        there, file = Place(module), _file(module)
        written = Path(app.outdir, f"{there.page}.html")
        # Where each page of the book is read anew, these are written anew: all may look otherwise.
        if not app.palmira_anew and _time(written) > _time(file):  # type: ignore[attr-defined]
            continue
        lines = highlighter.highlight_block(file.read_text("utf-8"), "python").split("\n")
        for number, name in anchors(module).items():
            lines[number - 1] = f'<a id="{name}"></a>{lines[number - 1]}'
        home = app.builder.get_relative_uri(there.page, HOME)
        body = HEAD.format(module=module.replace(".", ".<wbr>"), home=home) + "\n".join(lines)
        yield there.page, {"title": module, "body": body}, "page.html"


def _time(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0
