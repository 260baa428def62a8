"""PALMIRA's record, as it stands and with something changed; the built site in a browser."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import jupytext
import pandas as pd
import pytest
import shown as shown_
from hypothesis import settings
from matplotlib.figure import Figure

from palmira.record import DATA, Record, load, published
from palmira.record.printed import Printed
from palmira.show import Picture
from palmira.site import bundle
from palmira.site.browser import browsing, serving

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "_build" / "html"
PATIENCE = 60_000  # milliseconds: longer than a page takes on a busy machine
PAGE = """\
---
jupytext: {{formats: 'md:myst', text_representation: {{extension: .md, format_name: myst}}}}
kernelspec: {{display_name: Python 3, language: python, name: python3}}
---

# {title}

```{{code-cell}} ipython3
from palmira.show.prose import say
from palmira.record import published
say(f"{{len(published('{trial}').entries)}} printed numbers")
```
"""


# No deadline: a busy machine is no fault of the code. The same examples on every run.
settings.register_profile("book", deadline=None, derandomize=True)
settings.load_profile("book")
# What a test with one of these fixtures needs.
NEEDS = {
    "site": {"browser", "site", "place", "open_page", "window", "shown", "said"},
    "slow": {"small_book", "browser", "open_page", "window"},
}


def pytest_collection_modifyitems(items):
    """The markers of a test follow from its fixtures; modules with slow tests come first.

    Where several run side by side, the quick ones then fill what is left of the time.
    """
    for item in items:
        for marker, fixtures in NEEDS.items():
            if fixtures & set(getattr(item, "fixturenames", ())):
                item.add_marker(marker)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


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


@dataclass(frozen=True)
class SmallBook:
    """A book of two chapters in a folder, and how many seconds its first build took."""

    folder: Path
    seconds: float

    def files(self, folder: Path | None = None) -> dict[str, bytes]:
        """The bytes of its site, or of a copy's, but for the records of the build."""
        site = (folder or self.folder) / "_build" / "html"
        not_said = (".built", ".buildinfo", "projectid.txt")
        paths = [p for p in site.rglob("*") if p.is_file() and p.name not in not_said]
        return {p.relative_to(site).as_posix(): p.read_bytes() for p in paths}

    def sources(self, folder: Path) -> Path:
        """A copy that was never built."""
        return shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("_build"))


@pytest.fixture(scope="session")
def small_book(tmp_path_factory):
    """A book of two chapters with the real configuration: built once, to compare with; tests
    change copies. Of tests that run side by side the first builds it for all."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    book, took = base / "small_book", base / "small_book.seconds"
    with (base / "small_book.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not took.exists():
            shutil.rmtree(book, ignore_errors=True)
            write_small_book(book)
            start = time.monotonic()
            command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "-q", "-W"]
            subprocess.run(command, cwd=book, check=True, capture_output=True)
            took.write_text(str(time.monotonic() - start), "utf-8")
    return SmallBook(book, float(took.read_text("utf-8")))


def write_small_book(book):
    """The sources of a book of two chapters."""
    (book / "notebooks").mkdir(parents=True)
    pages = shutil.ignore_patterns("*.md", "slides.yaml")
    shutil.copytree(ROOT / "book", book / "book", ignore=pages)
    shutil.copy(ROOT / "_config.yml", book)
    shutil.copy(ROOT / "requirements.lock", book)
    toc = "format: jb-book\nroot: notebooks/palmira\nchapters:\n- file: notebooks/pace\n"
    (book / "_toc.yml").write_text(toc, "utf-8")
    for trial in ("palmira", "pace"):
        page = PAGE.format(title=trial.upper(), trial=trial)
        (book / "notebooks" / f"{trial}.md").write_text(page, "utf-8")


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


@pytest.fixture(scope="session", params=["server", "disk"])
def place(request):
    """Where the built book is opened from: a local server, then the disk."""
    return request.getfixturevalue("site") if request.param == "server" else BUILT.as_uri()


@pytest.fixture(scope="session")
def window(browser):
    """Opens an address in a window of its own, with nothing beyond its origin to be had.

    The page's ``asked`` are the addresses that it asked for, ``refused`` those outside, ``errors``
    what its scripts and the console complained of. Options are those of a Playwright context.
    """

    @contextmanager
    def open_(address, **options):
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.asked, page.refused, page.errors = [], [], []
        origin = "file://" if address.startswith("file:") else address[: address.index("/", 8)]

        def only_here(route):
            page.asked.append(route.request.url)
            if route.request.url.startswith((origin, "data:", "blob:")):
                route.continue_()
            else:
                page.refused.append(route.request.url)
                route.abort()

        context.route("**/*", only_here)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
        try:
            page.goto(address)
            yield page
        finally:
            context.close()

    return open_


@pytest.fixture
def open_page(window):
    """``window`` without ``with``: open until the test ends."""
    with ExitStack() as opened:
        yield lambda address, **options: opened.enter_context(window(address, **options))


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
            figure = content if isinstance(content, Figure) else None
            if isinstance(content, Picture):
                figure, alt, data = content.figure, content.alt, content.data
            table = content if isinstance(content, pd.DataFrame) else None
            data = table if data is None else data
            made[name] = SimpleNamespace(
                table=table, data=data, alt=alt, notes=notes, figure=figure
            )

        with monkeypatch.context() as patch:
            patch.setattr("palmira.show.show", show)
            patch.setattr("palmira.show.tell", lambda **numbers: said.update(numbers))
            patch.setattr("palmira.show.quote", lambda *_: None)
            if record is not None:
                genuine, own = published, record.trial.casefold()
                patch.setattr(
                    "palmira.record.published", lambda key: record if key == own else genuine(key)
                )
            names = {"__name__": "__main__"}
            for cell in jupytext.reads(text, "md:myst").cells:
                if cell.cell_type == "code":
                    exec(compile(cell.source, str(path), "exec"), names)
        return SimpleNamespace(said=said, shown=made)

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
