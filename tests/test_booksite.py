"""Building the site: mathematics as markup, changes noticed, faults not published."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHAPTER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
  language: python
---
# A chapter

$x^2$

```{{code-cell}} ipython3
{code}
```
"""


@pytest.fixture
def book(tmp_path):
    """A book of one chapter with the real configuration."""
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "book").mkdir()
    shutil.copytree(ROOT / "book" / "_static", tmp_path / "book" / "_static")
    shutil.copy(ROOT / "book" / "references.bib", tmp_path / "book")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: chapter\n", "utf-8")

    def build(code: str | None = None) -> subprocess.CompletedProcess[str]:
        if code is not None:
            (tmp_path / "chapter.md").write_text(CHAPTER.format(code=code), "utf-8")
        command = [Path(sys.executable).with_name("jupyter-book"), "build", tmp_path]
        strict = ["--warningiserror", "--keep-going", "--nitpick"]
        return subprocess.run([*command, *strict], capture_output=True, text=True, timeout=240)

    return build, tmp_path / "_build" / "html" / "chapter.html"


def test_a_chapter_that_raises_makes_the_build_fail_each_time(book):
    build, _ = book
    for done in (build("raise ValueError('an impossible table')"), build()):
        assert done.returncode != 0
        assert "an impossible table" in done.stdout + done.stderr


def test_a_warning_in_a_cell_makes_the_build_fail(book):
    build, _ = book
    done = build("import warnings; warnings.warn('look here')")
    assert done.returncode != 0
    assert "stderr" in done.stdout + done.stderr


def test_mathematics_becomes_markup(book):
    build, page = book
    assert build("1 + 1").returncode == 0
    assert "<math" in page.read_text(encoding="utf-8")


def test_the_build_after_one_that_changed_nothing_runs_nothing(book, tmp_path):
    build, page = book
    assert build("import time; print(time.time_ns())").returncode == 0
    before = page.read_text(encoding="utf-8")
    assert build().returncode == 0
    assert page.read_text(encoding="utf-8") == before


def test_a_changed_file_makes_the_page_anew(book, tmp_path):
    build, page = book
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "number.txt").write_text("41", "utf-8")
    assert build("print(open('data/number.txt').read())").returncode == 0
    assert "41" in page.read_text(encoding="utf-8")
    (tmp_path / "data" / "number.txt").write_text("42", "utf-8")
    assert build().returncode == 0
    assert "<pre><span></span>42" in page.read_text(encoding="utf-8")


def test_an_edited_style_sheet_reaches_the_site(book, tmp_path):
    build, _ = book
    assert build("1 + 1").returncode == 0
    with (tmp_path / "book" / "_static" / "print.css").open("a", encoding="utf-8") as sheet:
        sheet.write("/* edited */\n")
    assert build().returncode == 0
    site = tmp_path / "_build" / "html" / "_static" / "print.css"
    assert site.read_text("utf-8").endswith("/* edited */\n")
