"""The page of the package, and each chapter's links to the source code that it calls."""

import inspect
import re
from pathlib import Path
from urllib.parse import unquote, urljoin

import jupytext
import pytest
from bs4 import BeautifulSoup

import palmira.audit
import palmira.record
from palmira.site.source_pages import Place, anchors, called, place
from palmira.statistics import pooling

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
CHAPTERS = sorted(p.stem for p in (ROOT / "notebooks").glob("*.md"))
IMPORT = re.compile(r"^from (palmira[\w.]*) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)
PUBLISHED = Place("palmira.record.published", "published")


def page(name: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / f"{name}.html").read_text("utf-8"), "html.parser")


def imported(chapter: str) -> set[tuple[str, str]]:
    """Module and name of what a chapter imports from the package, read from its text."""
    notebook = jupytext.read(ROOT / "notebooks" / f"{chapter}.md")
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    return {
        (module, name.split(" as ")[0].strip())
        for module, inner, line in IMPORT.findall(code)
        for name in (inner or line).split(",")
        if name.strip()
    }


def written_in(module: str, name: str) -> str | None:
    """The module of a function or class, as Python itself tells it; None for anything else."""
    found = getattr(__import__(module, fromlist=[name]), name)
    if inspect.ismodule(found):
        return found.__name__
    return found.__module__ if inspect.isfunction(found) or inspect.isclass(found) else None


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("palmira.record", "published", PUBLISHED),
        ("palmira.record.published", "published", PUBLISHED),
        ("palmira.record", "DATA", None),
        ("palmira.teaching", "quiz", Place("palmira.teaching.quiz")),
        ("palmira.statistics.pooling", "sqrt", None),
    ],
)
def test_a_name_is_found_where_it_is_written(module, name, expected):
    assert place(module, name) == expected


def test_imports_of_a_cell_are_found_once_and_those_of_libraries_left_out():
    code = ["import numpy\nfrom scipy import stats", "from palmira.record import DATA, published"]
    assert called([*code, code[1], "%matplotlib inline"]) == [PUBLISHED]


def test_a_class_and_its_methods_begin_at_their_decorators():
    lines = Path(pooling.__file__).read_text("utf-8").splitlines()
    begins = {name: lines[number - 1] for number, name in anchors(pooling.__name__).items()}
    assert begins["Pool"] == "@dataclass(frozen=True)" and begins["Pool.ratio"] == "    @property"
    assert begins["pool"].startswith("def pool(")


@pytest.mark.site
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_links_to_the_source_of_all_that_it_imports(chapter):
    links = page(f"notebooks/{chapter}").select(".source-links a[href]")
    targets = [unquote(urljoin(f"/notebooks/{chapter}.html", str(a["href"]))) for a in links]
    wanted = {written_in(*names) for names in imported(chapter)} - {None}
    modules = {
        t.partition(".html")[0].removeprefix("/_modules/").replace("/", ".") for t in targets
    }
    assert modules == wanted and modules
    for target in targets:
        path, _, anchor = target.lstrip("/").partition("#")
        assert (f'<a id="{anchor}"></a>' if anchor else "<h1>") in (SITE / path).read_text("utf-8")


def public(module: object) -> set[str]:
    """Functions and classes that a module offers: those of __all__, else its own."""
    names = getattr(module, "__all__", None) or [
        name
        for name, found in vars(module).items()
        if getattr(found, "__module__", "") == module.__name__ and not name.startswith("_")
    ]
    found = {name: getattr(module, name) for name in names}
    return {name for name, x in found.items() if inspect.isfunction(x) or inspect.isclass(x)}


@pytest.mark.site
@pytest.mark.parametrize("module", [palmira.record, palmira.audit, pooling])
def test_the_page_of_the_package_names_every_public_function(module):
    described = {str(dt["id"]): dt for dt in page("notebooks/package").select("dt[id]")}
    names = {f"{module.__name__}.{name}" for name in public(module)}
    assert len(names) > 1 and names <= set(described)
    for name in names:
        assert described[name].select_one("a:has(.viewcode-link)"), f"{name} links to no source"
        said = described[name].find_next_sibling("dd").get_text().strip()
        assert said, f"{name} is not described"


@pytest.mark.site
def test_the_examples_on_the_page_of_the_package_give_what_they_should():
    outputs = "\n".join(o.get_text() for o in page("notebooks/package").select(".cell_output"))
    # 36 of 120 is 30.0% (29.95% to 30.05%); 25 of 118 is 21.2%, not the 22.2% of the example.
    assert "29.95, 30.05" in outputs and "25 of 118" in outputs
    assert outputs.count("inconsistent") == 1
    # metafor, rma(yi, vi, data = dat, test = "knha"): -0.7145 (-1.1082 to -0.3208), tau2 0.3132.
    assert "0.49 (0.33 to 0.73)" in outputs
    assert "tau2 = 0.3132, I2 = 92.2%, Q = 152.23" in outputs
