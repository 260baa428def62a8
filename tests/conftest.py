"""PALMIRA's record, as it stands and with something changed; the built site in a browser."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jupytext
import pandas as pd
import pytest
import shown as shown_
from dask.distributed import Client, LocalCluster
from hypothesis import settings

from palmira import bundle
from palmira.browser import browsing, serving
from palmira.printed import Printed
from palmira.record import DATA, Record, load, published
from palmira.show import Picture

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "_build" / "html"
PAGE = """\
---
jupytext: {{formats: 'md:myst', text_representation: {{extension: .md, format_name: myst}}}}
kernelspec: {{display_name: Python 3, language: python, name: python3}}
---

# {title}

```{{code-cell}} ipython3
from palmira.show.prose import say
from palmira.record import published
say(f"{{len(published('{trial}').entries)}} numbers")
```
"""


# No deadline: a busy machine is no fault of the code. The same examples on every run.
settings.register_profile("book", deadline=None, derandomize=True)
settings.load_profile("book")
# What a test with one of these fixtures needs.
NEEDS = {"site": {"browser", "site", "place", "open_page", "shown", "said"},
         "slow": {"small_book", "cluster", "browser", "open_page"}}  # fmt: skip


def pytest_collection_modifyitems(items):
    """The markers of a test follow from its fixtures."""
    for item in items:
        for marker, fixtures in NEEDS.items():
            if fixtures & set(getattr(item, "fixturenames", ())):
                item.add_marker(marker)


@pytest.fixture(scope="session")
def palmira():
    return published("palmira")


@pytest.fixture
def altered(tmp_path):
    """The record with one string of the file replaced."""

    def alter(old, new):
        text = (DATA / "published" / "palmira.yaml").read_text(encoding="utf-8")
        assert text.count(old) == 1, text.count(old)
        path = tmp_path / "palmira.yaml"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return load(path)

    return alter


@pytest.fixture(scope="session")
def reprinted():
    """The record with some entries printed otherwise; ids are written with __ for each dot."""

    def change(record, **texts):
        entries = dict(record.entries)
        for key, text in texts.items():
            id = key.replace("__", ".")
            entries[id] = replace(entries[id], text=text, printed=Printed(text))
        return Record(record.sheet, entries)

    return change


@pytest.fixture(scope="module")
def cluster():
    """A Dask cluster: a scheduler and two workers, each a process, on this machine."""
    with LocalCluster(2, threads_per_worker=1, dashboard_address=None) as made, Client(made):
        yield made


@pytest.fixture
def small_book(tmp_path):
    """A book of two chapters with the real configuration, and what reads the bytes of its site."""
    book = tmp_path / "book"
    (book / "notebooks").mkdir(parents=True)
    shutil.copytree(ROOT / "book", book / "book", ignore=lambda _, names: [
        n for n in names if n.endswith((".md", "slides.yaml"))])  # fmt: skip
    shutil.copy(ROOT / "_config.yml", book)
    shutil.copy(ROOT / "requirements.lock", book)
    (book / "_toc.yml").write_text("format: jb-book\nroot: notebooks/palmira\nchapters:\n"
                                   "- file: notebooks/pace\n", "utf-8")  # fmt: skip
    for trial in ("palmira", "pace"):
        page = PAGE.format(title=trial.upper(), trial=trial)
        (book / "notebooks" / f"{trial}.md").write_text(page, "utf-8")

    def files(of):
        site = of / "_build" / "html"
        not_said = (".built", ".buildinfo", "projectid.txt")
        return {p.relative_to(site).as_posix(): p.read_bytes() for p in site.rglob("*")
                if p.is_file() and p.name not in not_said}  # fmt: skip

    return book, files


@pytest.fixture
def parts_of_a_bundle():
    """Puts into a folder all that a bundle is made of: files with a letter, folders with none."""

    def make(root):
        for source in bundle.CONTENTS:
            path = root / source
            if path.suffix or path.name.startswith("LICENSE"):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("x", "utf-8")
            else:
                path.mkdir(parents=True, exist_ok=True)
                yield path

    return make


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium; the tests of the site need one."""
    with browsing() as found:
        yield found


@pytest.fixture(scope="session")
def site():
    """The address of the built site on a server of its own."""
    assert (BUILT / "index.html").exists(), "build the book first: make book"
    with serving(BUILT) as address:
        yield address


@pytest.fixture(params=["server", "disk"])
def place(request):
    """Where the built book is opened from: a local server, then the disk."""
    return request.getfixturevalue("site") if request.param == "server" else BUILT.as_uri()


@pytest.fixture
def open_page(browser):
    """Opens an address in a window of its own, with nothing beyond its origin to be had.

    The page's ``refused`` are the addresses outside that it asked for, its ``errors`` what its
    scripts complained of. Options are those of a Playwright context.
    """
    contexts = []

    def open_(address, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.refused, page.errors = [], []
        origin = "file://" if address.startswith("file:") else address[: address.index("/", 8)]

        def only_here(route):
            if route.request.url.startswith((origin, "data:", "blob:")):
                route.continue_()
            else:
                page.refused.append(route.request.url)
                route.abort()

        context.route("**/*", only_here)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def rerun(monkeypatch):
    """Run a chapter's cells anew with another record, or with something in them replaced: its
    exhibits by name and, as ``said``, the numbers that it gives to the prose."""

    def run(chapter, record=None, edits=()):
        path = ROOT / "notebooks" / f"{chapter}.md"
        text = path.read_text("utf-8")
        for old, new in edits:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {chapter}"
            text = text.replace(old, new)
        made, said = {}, {}

        def show(content, *, name, alt="", data=None, notes=(), **_):
            if isinstance(content, Picture):
                alt, data = content.alt, content.data
            table = content if isinstance(content, pd.DataFrame) else None
            data = table if data is None else data
            made[name] = SimpleNamespace(table=table, data=data, alt=alt, notes=notes)

        with monkeypatch.context() as patch:
            patch.setattr("palmira.show.show", show)
            patch.setattr("palmira.show.tell", lambda **numbers: said.update(numbers))
            patch.setattr("palmira.show.quote", lambda *_: None)
            if record is not None:
                patch.setattr("palmira.record.published", lambda _: record)
            names = {"__name__": "__main__"}
            for cell in jupytext.reads(text, "md:myst").cells:
                if cell.cell_type == "code":
                    exec(compile(cell.source, str(path), "exec"), names)
        return SimpleNamespace(**{"said": said, "shown": made})

    return run


@pytest.fixture(scope="session")
def shown():
    """The exhibits of the built book by name: their data, table, alt text and class."""
    assert (BUILT / "index.html").exists(), "build the book first: make book"
    return shown_.exhibits()


@pytest.fixture(scope="session")
def said():
    """The numbers in the prose of the built book by key."""
    return shown_.numbers()
