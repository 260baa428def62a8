"""What the built book shows: the data, alt text and class of each exhibit, and each number in the
prose."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jupytext
import pandas as pd
from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"


@dataclass(frozen=True)
class Exhibit:
    """A figure or table as a page has it; ``alt`` is empty for a table."""

    page: str
    name: str
    evidence: str
    caption: str
    alt: str
    element: Tag
    csv: Path

    @cached_property
    def data(self) -> pd.DataFrame:
        return pd.read_csv(self.csv)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The cells of a table as text; a heading row is the column ``group`` of those below."""
        rows, group = [], ""
        columns = [th.get_text() for th in self.element.thead.find_all("th")]
        for row in self.element.tbody.find_all("tr"):
            if "group" in row.get("class", []):
                group = row.get_text().strip()
            else:
                rows.append([group, *(cell.get_text() for cell in row.find_all(["th", "td"]))])
        return pd.DataFrame(rows, columns=["group", *columns])

    @property
    def plain(self) -> pd.DataFrame:
        """``table`` with ordinary spaces in place of those that do not break."""
        return self.table.replace("\u00a0", " ", regex=True)


def exhibits(site: Path = SITE) -> dict[str, Exhibit]:
    """All exhibits of a built book by name."""
    found = {}
    for path in sorted((site / "notebooks").glob("*.html")):
        text = path.read_text("utf-8")
        if "exhibit" not in text:
            continue
        soup = BeautifulSoup(text, "html.parser")
        for element in soup.select("figure.exhibit, table.exhibit"):
            badge = element.select_one(".evidence")
            link = element.select_one("a.download")
            image = element.find("img")
            exhibit = Exhibit(
                path.stem,
                str(element["id"]),
                badge.get_text().lower(),
                element.find(["figcaption", "caption"]).get_text(),
                image["alt"] if image else "",
                element,
                (path.parent / link["href"]).resolve(),
            )
            found[exhibit.name] = exhibit
    return found


def numbers(site: Path = SITE) -> dict[str, str]:
    """Every number that chapters glue into prose, by key, as the page prints it."""
    found: dict[str, str] = {}
    for path in (site.parent / "jupyter_execute" / "notebooks").glob("*.glue.json"):
        for key, output in json.loads(path.read_text("utf-8")).items():
            found[key] = re.sub(r"^['\"]|['\"]$", "", next(iter(output["data"].values())))
    return found


def defined(chapter: str, *names: str, **given: object) -> tuple[Any, ...]:
    """Functions that a chapter defines in its cells, with its imports and what is ``given`` in
    place of what other cells make: for cases whose answer is known."""
    notebook = jupytext.read(ROOT / "notebooks" / f"{chapter}.md")
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    body = [
        node
        for node in ast.parse(code).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.FunctionDef) and node.name in names)
    ]
    space: dict[str, Any] = dict(given)
    exec(compile(ast.Module(body, []), chapter, "exec"), space)
    space |= given
    return tuple(space[name] for name in names)
