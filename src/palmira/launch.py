"""Opens a chapter to run elsewhere: links to Binder and Colab.

Colab opens ``.ipynb`` files only, and the repository keeps chapters as text. The deployment
therefore publishes them (``make notebooks``) on a branch of their own, beside all they need.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

BRANCH = "notebooks"  # written by .github/workflows/publish.yml
ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")


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
