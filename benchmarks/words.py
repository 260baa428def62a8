"""Words of prose on each page of the built site, by part: python benchmarks/words.py.

Prose is what a reader reads as sentences: paragraphs, lists, headings and captions, folded answers
included; code with its documentation, tables, figures, forms, the quiz's options and the list of
references are not.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[1]
NOT_PROSE = ".cell_input, table, svg, script, style, form, pre, .bd-sidebar-secondary, .headerlink"
NOT_PROSE += ", dl.py, .source-links, .citation"
MOST = {"home and The trial": 14_000, "all pages": 34_000}
ORDINARY = re.compile(r"\bprint(?:s|ed)?\b", re.IGNORECASE)
# Where the article's and the ledger's values as published are the subject.
ALLOWED = ("Laboratory", "record", "ledger")


def prose(page: Path) -> str:
    """The sentences of a page."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article") or soup
    for needless in article.select(NOT_PROSE):
        needless.decompose()
    return article.get_text(" ")


def words(text: str) -> int:
    """Words and numbers of a text."""
    return len(re.findall(r"[^\W_]+(?:[-’'.,/][^\W_]+)*", text))


def parts() -> dict[str, list[str]]:
    """Pages by the part of the table of contents; the home page has a part of its own."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = {p["caption"]: [c["file"] for c in p["chapters"]] for p in toc["parts"]}
    return {"Home": [toc["root"]], **listed}


def main() -> None:
    site = ROOT / "_build" / "html"
    if not site.exists():
        sys.exit("There is no built site. Mend: make book.")
    total, trial, ordinary = 0, 0, 0
    for part, pages in parts().items():
        print(part)
        for page in pages:
            text = prose(site / f"{page}.html")
            count, said = words(text), len(ORDINARY.findall(text))
            print(f"  {count:6,} {Path(page).name}" + (f"  ({said} print)" if said else ""))
            total += count
            trial += count if part in ("Home", "The trial") else 0
            ordinary += 0 if part in ALLOWED or Path(page).name in ALLOWED else said
    print(f"{trial:8,} home and The trial (at most {MOST['home and The trial']:,})")
    print(f"{total:8,} all pages (at most {MOST['all pages']:,})")
    print(f"{ordinary:8,} of print, prints, printed outside the Laboratory, record and ledger")


if __name__ == "__main__":
    main()
