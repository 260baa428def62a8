"""Opens a chapter to run elsewhere: links to Binder and Colab, and what to install there.

Colab opens ``.ipynb`` files only, and the repository keeps chapters as text. The deployment
therefore publishes them (``make notebooks``) on a branch of their own, beside all they need.
"""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path

import nbformat
import yaml

BRANCH = "notebooks"  # written by .github/workflows/publish.yml
ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")
LOCK = "requirements.lock"
# What the chapters import, beside the book's own package.
IMPORTED = ("numpy", "pandas", "scipy", "statsmodels", "lifelines", "matplotlib", "seaborn")
PREAMBLE = """\
> **To run this notebook.** It is the chapter *{title}* of the book *PALMIRA, executable*, with its results; to read it, nothing is needed. Its cells need Python {python} and the book's source. {source}
>
> ```
{commands}
> ```
>
> Then open it in Jupyter and choose *Run all cells*. `make lab`, in the same folder, opens every chapter with all packages at the versions that made these results."""  # noqa: E501

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


def introduce(notebook: nbformat.NotebookNode, root: Path, url: str = "") -> None:
    """Put first what to install, at the lock's versions, and how to run the notebook.

    Where a repository's address is known, a cell fetches the book where its package is missing.
    """
    lock = (root / LOCK).read_text("utf-8") if (root / LOCK).exists() else ""
    versions = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE))
    pins = [f"{name}=={versions[name]}" if name in versions else name for name in IMPORTED]
    clone = [f"git clone --depth 1 {url} palmira-book", "cd palmira-book"] if url else []
    commands = [*clone, f"pip install jupyterlab {' '.join(pins)}", "pip install --editable ."]
    titles = (re.search(r"^# (.+)", c.source, re.M) for c in notebook.cells)
    title = next((t[1] for t in titles if t), "untitled")
    source = "Fetch and install it:" if url else "In the folder of the source:"
    lines = "\n".join(f"> {line}" for line in commands)
    text = PREAMBLE.format(title=title, python=_python(), source=source, commands=lines)
    first = [nbformat.v4.new_markdown_cell(text, id="to-run")]
    if url:
        first.append(nbformat.v4.new_code_cell(SETUP.format(url=url), id="to-run-in-colab"))
    notebook.cells[:0] = first


def _python() -> str:
    """The Pythons that the package asks for."""
    asked = metadata("palmira")["Requires-Python"] or ""
    return ", ".join(sorted(asked.split(","), reverse=True))
