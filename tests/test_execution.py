"""Running chapters: the outputs of a kernel, kept as long as they hold, and no longer."""

import json
import shutil

import nbclient
import nbformat
import pytest

from palmira.site import execution
from palmira.site.execution import Runs

CELLS = [
    "import sys\nimport pandas as pd\nfrom IPython.display import display\nprint('one')",
    "print('two')\ndata = {'text/plain': 'a', 'application/vnd.x+json': {'k': 1}}\n"
    "display(data, raw=True, metadata={'m': 2})\n"
    "print('three'); print('four', file=sys.stderr)\npd.DataFrame({'a': [1, 2]})",
    "a = 3",
    "a",
    "a;",
    "import warnings\nwarnings.warn('look here')",
]


CHAPTERS = {
    "notebooks/uses": [
        "import sys; sys.path.insert(0, '..')",
        "from helper import NAME; print(NAME)",
        "from pathlib import Path; print(Path('../data/one.csv').read_text())",
    ],
    "notebooks/lists": ["import os; print(sorted(os.listdir('../data')))"],
    "notebooks/alone": ["1 + 1"],
    "notebooks/raises": ["print('before')", "raise ValueError('an impossible table')"],
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run_once(tmp_path_factory):
    """A folder where all chapters were run."""
    folder = tmp_path_factory.mktemp("run") / "book"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "helper.py").write_text("NAME = 'first'\n", "utf-8")
    (folder / "data" / "one.csv").write_text("x\n1\n", "utf-8")
    Runs(folder).fill(CHAPTERS, ())
    return folder


@pytest.fixture
def book(run_once, tmp_path):
    """Chapters in a folder of their own: one that uses a helper and a file, one that does not."""
    return shutil.copytree(run_once, tmp_path / "book"), dict(CHAPTERS)


def in_order(output):
    return json.dumps(output, sort_keys=True)


def held(book):
    root, chapters = book
    runs = Runs(root)
    return {name.partition("/")[2] for name, code in chapters.items() if runs.find(name, code)}


def test_outputs_are_those_of_a_kernel(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    Runs(tmp_path).fill({"cells": CELLS}, ())
    here = Runs(tmp_path).find("cells", CELLS)["outputs"]
    for cell, mine in zip(notebook.cells[:-1], here, strict=False):
        theirs = json.loads(json.dumps(cell.outputs))
        # A kernel's streams may overtake its other outputs.
        assert sorted(theirs, key=in_order) == sorted(mine, key=in_order), cell.source
    kinds = ["stream", "display_data", "stream", "stream", "execute_result"]
    assert [o["output_type"] for o in here[1]] == kinds
    assert here[-1][0]["name"] == "stderr"
    assert "look here" in here[-1][0]["text"]


def test_a_chapter_that_fails_leaves_no_run(book):
    assert held(book) == {"uses", "lists", "alone"}


@pytest.mark.parametrize("file", ["helper.py", "data/one.csv"])
def test_a_changed_helper_or_file_concerns_the_chapters_that_use_it_alone(book, file):
    path = book[0] / file
    before = path.read_text("utf-8")
    path.write_text(before.replace("1", "2").replace("first", "second"), "utf-8")
    assert held(book) == {"lists", "alone"}
    Runs(book[0]).fill(book[1], ())
    assert held(book) == {"uses", "lists", "alone"}
    run = Runs(book[0]).find("notebooks/uses", book[1]["notebooks/uses"])
    assert {"helper.py": "second", "data/one.csv": "2"}[file] in str(run["outputs"])
    path.write_text(before, "utf-8")
    assert "uses" in held(book)


def test_a_new_file_concerns_the_chapters_that_list_its_folder(book):
    (book[0] / "data" / "two.csv").write_text("x\n", "utf-8")
    assert held(book) == {"uses", "alone"}


def test_a_changed_lock_or_code_concerns_every_chapter_or_its_own(book):
    book[1]["notebooks/alone"] = ["1 + 2"]
    assert held(book) == {"uses", "lists"}
    (book[0] / "requirements.lock").write_text("a==1", "utf-8")
    assert held(book) == set()


def test_where_forks_are_unsafe_chapters_are_left_to_kernels(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "FORKS", False)
    Runs(tmp_path).fill({"alone": ["1"]}, ())
    assert Runs(tmp_path).find("alone", ["1"]) is None
    monkeypatch.undo()
    Runs(tmp_path).fill({"alone": ["1"]}, ())
    assert Runs(tmp_path).find("alone", ["1"])


def test_a_spoiled_run_is_made_again(book):
    for path in (book[0] / "_build" / ".executed").rglob("*.json"):
        path.write_text(path.read_text("utf-8")[:-20], "utf-8")
    assert held(book) == set()
    Runs(book[0]).fill(book[1], ())
    assert held(book) == {"uses", "lists", "alone"}


def test_few_runs_of_a_chapter_are_kept(book):
    root, _ = book
    for number in range(9):
        Runs(root).fill({"notebooks/alone": [f"{number}"]}, ())
    kept = list((root / "_build" / ".executed" / "notebooks.alone").iterdir())
    assert len(kept) == 6
