"""Building the site: mathematics as markup, changes noticed, faults not published."""

import re
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


STRICT = ["--warningiserror", "--keep-going", "--nitpick"]
pytestmark = pytest.mark.slow


@pytest.fixture
def book(tmp_path):
    """A book of two chapters with the real configuration: writes their code and builds it."""
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "book").mkdir()
    shutil.copytree(ROOT / "book" / "_static", tmp_path / "book" / "_static")
    shutil.copy(ROOT / "book" / "references.bib", tmp_path / "book")
    toc = "format: jb-book\nroot: one\nchapters:\n- file: two\n"
    (tmp_path / "_toc.yml").write_text(toc, "utf-8")

    def build(**chapters: str) -> subprocess.CompletedProcess[str]:
        for name, code in chapters.items():
            (tmp_path / f"{name}.md").write_text(CHAPTER.format(code=code), "utf-8")
        command = [Path(sys.executable).with_name("jupyter-book"), "build", tmp_path, *STRICT]
        return subprocess.run(command, capture_output=True, text=True, timeout=240)

    return build, tmp_path / "_build" / "html"


def test_a_chapter_that_raises_or_warns_makes_each_build_fail(book):
    build, _ = book
    raises = "raise ValueError('an impossible table')"
    for done in (build(one=raises, two="import warnings; warnings.warn('look here')"), build()):
        assert done.returncode != 0
        assert "an impossible table" in done.stdout + done.stderr
    done = build(one="1 + 1")
    assert done.returncode != 0
    assert "stderr" in done.stdout + done.stderr
    assert "an impossible table" not in done.stdout + done.stderr


def test_a_build_follows_files_and_style_sheets_and_runs_nothing_else(book, tmp_path):
    build, site = book
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "number.txt").write_text("41", "utf-8")
    reads = "print(open('data/number.txt').read())"
    assert build(one="import time; print(time.time_ns())", two=reads).returncode == 0
    clock, number = ((site / f"{name}.html").read_text("utf-8") for name in ("one", "two"))
    assert "<math" in clock and "<pre><span></span>41" in number

    assert build().returncode == 0
    assert (site / "one.html").read_text("utf-8") == clock

    (tmp_path / "data" / "number.txt").write_text("42", "utf-8")
    with (tmp_path / "book" / "_static" / "print.css").open("a", encoding="utf-8") as sheet:
        sheet.write("/* edited */\n")
    assert build().returncode == 0
    assert "<pre><span></span>42" in (site / "two.html").read_text("utf-8")
    printed = re.search(r"<pre><span></span>\d+", clock)
    assert printed and printed[0] in (site / "one.html").read_text("utf-8")
    assert (site / "_static" / "print.css").read_text("utf-8").endswith("/* edited */\n")
