"""Building the site: mathematics as markup, changes noticed, faults not published."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from palmira.booksite import digest

ROOT = Path(__file__).parents[1]
CHAPTER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
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


def test_a_changed_helper_record_or_lock_changes_the_digest_and_a_revert_finds_it_again(tmp_path):
    for name in ("src/palmira/a.py", "data/published/b.yaml", "requirements.lock"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("one", "utf-8")
    before = digest(tmp_path)
    for name in ("src/palmira/a.py", "data/published/b.yaml", "requirements.lock"):
        (tmp_path / name).write_text("two", "utf-8")
        assert digest(tmp_path) != before
        (tmp_path / name).write_text("one", "utf-8")
        assert digest(tmp_path) == before
    (tmp_path / "README.md").write_text("prose", "utf-8")
    assert digest(tmp_path) == before
