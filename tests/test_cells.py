"""A cell answers the reader: plots appear, faults are quoted, notebooks read as pages do."""

import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import jupytext
import nbclient
import nbformat
import pytest
from markdown_it import MarkdownIt
from pybtex.database import parse_string

from palmira.site import jupyter, launch
from palmira.site.execution import Runs

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
SVG = "image/svg+xml"
# A reader's cells, and whether each shows a plot.
CELLS = {
    "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()": True,
    "import seaborn as sns\nsns.countplot(x=['a', 'b', 'a'])": True,
    "from lifelines import KaplanMeierFitter\n"
    "KaplanMeierFitter().fit([1, 2, 3, 4], [1, 1, 0, 1]).plot()": True,
    "import pandas as pd\npd.DataFrame({'a': [1, 2, 3]}).plot();": True,
    # The figures of the cells above are closed.
    "len(plt.get_fignums())": False,
    "figure = plt.figure()\nplt.plot([1, 2])\nplt.close(figure)": False,
    "from matplotlib.figure import Figure\nFigure().subplots();": False,
}
MARKUP = re.compile(r"\{[\w:.+-]+\}`|^\s*:::|^\s*`{3,}\{|^\([\w-]+\)=$", re.MULTILINE)
HEADER = """\
---
jupytext: {formats: 'md:myst', text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

"""
READER = """\
(reader)=
# A reader's chapter

See {ref}`other` and {numref}`a-table`, by {cite:p}`austin2009`.

```{table} Two numbers
:name: a-table

| a | b |
|---|---|
| 1 | 2 |
```

```{code-cell} ipython3
import matplotlib.pyplot as plt
plt.plot([1, 2, 3]);
```

```{code-cell} ipython3
from palmira.show.prose import tell
tell(patients="198")
```

There were {glue:text}`patients` patients.
"""
OTHER = """\
(other)=
# The other chapter

```{code-cell} ipython3
%s
```

```{bibliography}
```
"""


def ran(folder, *libraries):
    folder.mkdir(exist_ok=True)
    Runs(folder).fill({"cells": [*CELLS]}, *libraries)
    return Runs(folder).find("cells", [*CELLS])["outputs"]


def plots(outputs):
    return [any(SVG in o.get("data", {}) for o in cell) for cell in outputs]


@pytest.mark.slow
def test_a_plot_of_a_cell_appears_as_in_a_kernel_and_its_figure_is_closed(tmp_path):
    mine = ran(tmp_path)
    assert plots(mine) == [*CELLS.values()]
    assert mine[4][0]["data"]["text/plain"] == "0"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    env = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    nbclient.NotebookClient(notebook, kernel_name="python3").execute(
        env=env | {"MATPLOTLIBRC": os.devnull}
    )
    for cell, outputs in zip(notebook.cells, mine, strict=True):
        assert json.loads(json.dumps(cell.outputs)) == outputs, cell.source


@pytest.mark.slow
def test_a_users_own_matplotlib_settings_change_no_plot(tmp_path, monkeypatch):
    before = ran(tmp_path / "before")
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "matplotlibrc").write_text("axes.facecolor: red\n", "utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "agg")
    assert ran(tmp_path / "after", ()) == before


def test_no_users_settings_reach_what_make_runs():
    own = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    env = own | {"MPLBACKEND": "agg", "MATPLOTLIBRC": "theirs"}
    rule = "told: ; @echo $${MPLBACKEND-none} $$MATPLOTLIBRC"
    told = ["make", "--no-print-directory", "--eval", rule, "told"]
    done = subprocess.run(told, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["none", "/dev/null"]


@pytest.fixture
def book(tmp_path):
    """A book of two chapters with the real configuration; builds it with code in the second."""
    root = tmp_path / "book"
    (root / "notebooks").mkdir(parents=True)
    (root / "book").mkdir()
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    shutil.copy(ROOT / "book" / "references.bib", root / "book")
    for name in ("_config.yml", "requirements.lock"):
        shutil.copy(ROOT / name, root)
    chapters = "root: notebooks/reader\nchapters:\n- file: notebooks/other\n"
    (root / "_toc.yml").write_text(f"format: jb-book\n{chapters}", "utf-8")
    (root / "notebooks" / "reader.md").write_text(HEADER + READER, "utf-8")

    def build(code):
        (root / "notebooks" / "other.md").write_text(HEADER + OTHER % code, "utf-8")
        command = [Path(sys.executable).with_name("jupyter-book"), "build", root, "--quiet"]
        strict = ["--warningiserror", "--keep-going", "--nitpick"]
        return subprocess.run([*command, *strict], capture_output=True, text=True, timeout=240)

    return build, root / "_build" / "html"


@pytest.mark.slow
def test_a_fault_of_a_cell_is_quoted_and_a_readers_chapter_is_built(book):
    build, site = book
    cell = 'other.md:9: WARNING: notebooks/other: the cell "{}" '
    warns = build("import warnings\nwarnings.warn('look here')")
    assert warns.returncode
    assert f"{cell.format('import warnings')}writes to stderr" in warns.stdout + warns.stderr
    assert "UserWarning: look here" in warns.stdout + warns.stderr
    raises = build("1 + 1\nraise ValueError('an impossible table')")
    assert raises.returncode
    said = f"{cell.format('1 + 1')}raises ValueError: an impossible table"
    assert said in raises.stdout + raises.stderr
    good = build("1 + 1")
    assert good.returncode == 0, good.stdout + good.stderr
    page = (site / "notebooks" / "reader.html").read_text("utf-8")
    assert re.search(r'<img [^>]*src="\.\./_images/\w+\.svg"', page)
    notebook = nbformat.read(site / "_sources" / "notebooks" / "reader.ipynb", 4)
    nbformat.validate(notebook)
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert not MARKUP.search(prose)
    for text in (
        "See [The other chapter](other.ipynb) and Table 1, by ([Austin 2009](https://doi.org/",
        "**Table 1. Two numbers**\n\n| a | b |",
        "There were 198 patients.",
        "pip install jupyterlab numpy==",
    ):
        assert text in prose
    assert any(plots([c.get("outputs", [])])[0] for c in notebook.cells)


WORKS = """
@article{a1, author = {M{\\"u}ller, A. and {del R{\\'i}o}, B.}, year = {2001}, doi = {10.1/x}}
@article{b2, author = {One, A. and Two, B. and Three, C.}, year = {2002}}"""
BOOK = jupyter.Book(
    {
        "here": jupyter.Label("notebooks/this", "This chapter"),
        "fit": jupyter.Label("notebooks/that", "That chapter: the fit"),
        "words": jupyter.Label("book/glossary", "Glossary"),
        "curve": jupyter.Label("notebooks/that", "A curve", "Fig. 3"),
        "mine": jupyter.Label("notebooks/this", "A table", "Table 7"),
    },
    parse_string(WORKS, "bibtex").entries,
    frozenset({"notebooks/this", "notebooks/that"}),
)


def plain(source):
    """A chapter with this prose after a cell that glues two numbers, rewritten."""
    glue = [
        nbformat.v4.new_output(
            "display_data",
            {"application/papermill.record/text/plain": repr(value)},
            metadata={"scrapbook": {"name": key, "mime_prefix": "application/papermill.record/"}},
        )
        for key, value in {"n": "198", "ratio": 0.8421}.items()
    ]
    cells = [nbformat.v4.new_code_cell("", outputs=glue), nbformat.v4.new_markdown_cell(source)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    jupyter.rewrite(notebook, "notebooks/this", BOOK)
    return notebook.cells[-1].source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{glue:text}`n` patients, {glue:text}`ratio:.2f`", "198 patients, 0.84"),
        ("{term}`twins <synthetic twin>` and a {term}`hazard\nratio`", "twins and a hazard ratio"),
        (
            "{ref}`fit`, {ref}`it <fit>`, {ref}`here`, {ref}`words`",
            "[That chapter: the fit](that.ipynb), [it](that.ipynb), This chapter, Glossary",
        ),
        (
            "{numref}`mine` and {numref}`Figure {number} <curve>`",
            "Table 7 and [Figure 3](that.ipynb)",
        ),
        (
            "{cite:p}`a1,b2`",
            "([Müller and del Río 2001](https://doi.org/10.1/x); One et al. 2002)",
        ),
        (
            "{cite:t}`a1`, {cite:t}`b2`",
            "[Müller and del Río (2001)](https://doi.org/10.1/x), One et al. (2002)",
        ),
        (
            "[words](words), [there](that.md), [fit](fit), [site](https://a.org)",
            "[words](words), [there](that.ipynb), [fit](that.ipynb), [site](https://a.org)",
        ),
        ("`{ref}` stays, as does ``{ref}`fit` ``", "`{ref}` stays, as does ``{ref}`fit` ``"),
        ("```\n{ref}`fit`\n```", "```\n{ref}`fit`\n```"),
        ("(label)=\n## A title\n% a comment", "## A title"),
        (
            ":::{admonition} For {term}`all`\n:class: dropdown\nHas {glue:text}`n`.\n\n- a\n:::",
            "> **For all**\n>\n> Has 198.\n>\n> - a",
        ),
        (
            "::::{dropdown} Key\n:::{note}\nIn it.\n:::\n::::",
            "> **Key**\n>\n> > **Note**\n> >\n> > In it.",
        ),
        (
            ":::{list-table}\n:header-rows: 1\n* - a\n  - b\n* - {glue:text}`n`\n  - \n:::",
            "| a | b |\n| --- | --- |\n| 198 |  |",
        ),
        ("one\n: what {glue:text}`n` is", "- **one**: what 198 is"),
        (":::{button-ref} fit\nGo\n:::", "**[Go](that.ipynb)**"),
    ],
)
def test_markup_of_a_chapter_becomes_what_jupyter_shows(source, expected):
    assert plain(source) == expected


def test_a_notebook_says_first_what_to_install_and_fetches_the_book_where_an_address_is_known():
    for url in ("", "https://github.com/example/palmira-book"):
        cells = [nbformat.v4.new_markdown_cell("# A title"), nbformat.v4.new_code_cell("1")]
        notebook = nbformat.v4.new_notebook(cells=cells)
        launch.introduce(notebook, ROOT, url)
        nbformat.validate(notebook)
        first, *rest = notebook.cells
        lock = (ROOT / "requirements.lock").read_text("utf-8")
        assert "the chapter *A title*" in first.source
        assert re.search(r"^lifelines==\S+", lock, re.M)[0] in first.source
        assert (f"git clone --depth 1 {url} " in first.source) == bool(url)
        code = [c.source for c in rest if c.cell_type == "code"]
        assert (f"git clone --quiet --depth 1 {url} " in code[0]) == bool(url)
        assert code[-1] == "1"


def words(html):
    """Pieces of text between links and formulas, with plain quotes."""
    html = re.sub(r"<(a|math|style|script)\b.*?</\1>", "\0", html, flags=re.DOTALL)
    text = unescape(re.sub(r"<[^>]+>", "", html)).translate(str.maketrans("“”‘’", "\"\"''"))
    return [" ".join(piece.split()).strip(" []") for piece in re.split(r"\0|\$[^$]*\$", text)]


@pytest.mark.site
def test_each_notebook_reads_as_its_page():
    paths = sorted((SITE / "_sources" / "notebooks").glob("*.ipynb"))
    assert len(paths) >= len([*(ROOT / "notebooks").glob("*.md")])
    numbers = 0
    for path in paths:
        notebook = nbformat.read(path, 4)
        shown = [c.source for c in notebook.cells if c.cell_type == "markdown"]
        outputs = [o for c in notebook.cells for o in c.get("outputs", ()) if "data" in o]
        shown += [o["data"]["text/markdown"] for o in outputs if "text/markdown" in o["data"]]
        assert [m[0] for text in shown for m in MARKUP.finditer(text)] == [], path.name
        here = " ".join(words(MarkdownIt().enable("table").render("\n\n".join(shown))))
        page = (SITE / "notebooks" / f"{path.stem}.html").read_text("utf-8")
        for part in re.findall(r"<p>.*?</p>", page, re.DOTALL):
            if "pasted-text" in part:
                numbers += part.count("pasted-text")
                for piece in words(part):
                    assert piece in here, f"{path.name}: {piece}"
        for reference in re.findall(r'"std std-numref">([^<]+)<', page):
            assert reference in "\n".join(shown), f"{path.name}: {reference}"
    assert numbers > 100


def test_a_chapter_saved_unchanged_in_jupyterlab_is_the_same_file(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path, dirs_exist_ok=True)
    contents = jupytext.TextFileContentsManager(root_dir=str(tmp_path))
    paths = sorted(tmp_path.glob("*.md"))
    assert paths
    for path in paths:
        before = path.read_text("utf-8")
        notebook = contents.get(path.name, type="notebook")["content"]
        # What JupyterLab adds when it opens, runs and folds.
        notebook["metadata"]["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
        for cell in notebook["cells"]:
            cell["metadata"] |= {"trusted": True, "execution": {}, "jupyter": {"outputs_hidden": 1}}
        contents.save({"type": "notebook", "content": notebook}, path.name)
        assert path.read_text("utf-8") == before, (
            f"{path.name} is not as JupyterLab saves it. Mend: "
            f".venv/bin/jupytext --quiet --to md:myst notebooks/{path.name}"
        )


def test_jupyterlab_renders_directives():
    folder = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "jupyterlab-myst"
    assert json.loads((folder / "package.json").read_text("utf-8"))["name"] == "jupyterlab-myst"
