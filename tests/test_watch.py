"""Watching: what is saved is built, as a new build would; what is broken is told."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from palmira.site.watch import STAMP, changed, state

JUPYTER_BOOK = Path(sys.executable).with_name("jupyter-book")
STRICT = ["build", ".", "-q", "-W", "--keep-going"]
MAKEFILE = f"""\
book:
\t{JUPYTER_BOOK} {" ".join(STRICT)}
watch:
\t{sys.executable} -m palmira.site.watch {" ".join(STRICT)}
"""
PAGE = "notebooks/pace.md"
PATIENCE = 180  # seconds


@pytest.fixture
def watching(small_book, tmp_path):
    """A copy of the small book without one word, that is watched; and a way to save a file and wait
    for what is said of it."""
    book = small_book.sources(tmp_path / "book")
    page = (book / PAGE).read_text("utf-8")
    (book / PAGE).write_text(page.replace("printed numbers", "numbers"), "utf-8")
    (book / "Makefile").write_text(MAKEFILE, "utf-8")
    (book / "src").mkdir()
    log = tmp_path / "log.txt"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            ["make", "watch"], cwd=book, stdout=out, stderr=out, start_new_session=True
        )

    def wait(words, after=0):
        until = time.monotonic() + PATIENCE
        while words not in log.read_text("utf-8")[after:]:
            assert process.poll() is None and time.monotonic() < until, log.read_text("utf-8")
            time.sleep(0.1)

    def save(name, text, words):
        said = len(log.read_text("utf-8"))
        (book / name).write_text(text, "utf-8")
        wait(words, said)

    wait("Watching")
    yield book, save
    os.killpg(process.pid, signal.SIGINT)
    process.wait(PATIENCE)


@pytest.mark.slow
def test_what_is_saved_is_built_as_a_new_build_would(watching, small_book):
    book, save = watching
    built = book / "_build" / "html" / "notebooks" / "pace.html"
    assert "printed numbers" not in built.read_text("utf-8")
    other_page = (book / PAGE).read_text("utf-8")
    page = (small_book.folder / PAGE).read_text("utf-8")
    save(PAGE, page, f"{PAGE}: built, ")
    # So that make sees what was saved while the build lasted.
    saved, page_written = (book / PAGE).stat(), built.stat()
    assert saved.st_mtime <= (book / STAMP).stat().st_mtime < page_written.st_mtime
    one, other = small_book.files(), small_book.files(book)
    assert set(one) == set(other)
    assert [name for name in one if one[name] != other[name]] == []

    save(PAGE, page.replace("say(", "raise ValueError('look here')\nsay("), f"{PAGE}: NOT built, ")
    save(PAGE, other_page, f"{PAGE}: built, ")
    assert "printed numbers" not in built.read_text("utf-8")
    save("src/helper.py", "NAME = 1\n", "src/helper.py: once more from the start")
    save("README.md", "not watched", "Watching")
    save(PAGE, page, f"{PAGE}: built, ")
    assert "printed numbers" in built.read_text("utf-8")


def test_the_state_tells_what_is_new_gone_or_saved_again(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "stays.csv").touch()
    (tmp_path / "data" / "goes.csv").touch()
    before = state(tmp_path)
    (tmp_path / "data" / "goes.csv").unlink()
    (tmp_path / "data" / ".hidden").touch()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "new.md").touch()
    (tmp_path / "notebooks" / "new.ipynb").touch()
    assert changed(before, state(tmp_path)) == ["data/goes.csv", "notebooks/new.md"]
    os.utime(tmp_path / "data" / "stays.csv", (1, 1))
    assert "data/stays.csv" in changed(before, state(tmp_path))
