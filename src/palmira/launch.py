"""Opens a chapter to run elsewhere: links to Binder and Colab, and the notebooks that both open.

Colab opens ``.ipynb`` files only, and the repository keeps chapters as text. The deployment
therefore publishes them on a branch of their own, beside everything else that they need.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import jupytext
import nbformat
import yaml

BRANCH = "notebooks"  # written by .github/workflows/publish.yml
ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")
# On Binder, or in a copy of the repository, the package is there and the cell does nothing.
SETUP = """\
# In Colab only: fetch the book with its data and install its package (a few minutes, once).
import importlib.util
import sys

if importlib.util.find_spec("palmira") is None:
    !git clone --quiet --depth 1 {url} palmira-book
    %pip install --quiet --editable ./palmira-book
    sys.path.insert(0, "palmira-book/src")"""


def repository(root: Path) -> str:
    """Address of the repository by the book's configuration, empty where none is set.

    Raises ``ValueError`` for one that is not of GitHub, which Colab cannot open.
    """
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    url = (config.get("repository") or {}).get("url") or ""
    if url and not ADDRESS.fullmatch(url):
        raise ValueError(
            f"_config.yml: repository.url is {url!r}. Mend: give it as "
            "https://github.com/OWNER/NAME, or leave it empty."
        )
    return str(url)


def links(url: str, chapter: str) -> dict[str, str]:
    """Where a chapter (path without ending) opens to be run, by the name of the service."""
    match = ADDRESS.fullmatch(url)
    if not match:
        return {}
    place = "/".join(match.groups())
    return {
        "Binder": f"https://mybinder.org/v2/gh/{place}/{BRANCH}?urlpath=lab/tree/{chapter}.ipynb",
        "Colab": f"https://colab.research.google.com/github/{place}/blob/{BRANCH}/{chapter}.ipynb",
    }


def write_notebooks(root: Path, folder: Path) -> list[Path]:
    """Write each chapter as a notebook without outputs; the same bytes every time.

    Where a repository is set, a first cell fetches the book where its package is missing.
    """
    url, written = repository(root), []
    folder.mkdir(parents=True, exist_ok=True)
    for chapter in sorted((root / "notebooks").glob("*.md")):
        notebook = jupytext.read(chapter)
        if url:
            notebook.cells.insert(0, nbformat.v4.new_code_cell(SETUP.format(url=url)))
        notebook.nbformat_minor = 5
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number}"
        written.append(folder / f"{chapter.stem}.ipynb")
        nbformat.write(notebook, written[-1])
    return written


if __name__ == "__main__":
    write_notebooks(Path.cwd(), Path(sys.argv[1]))
