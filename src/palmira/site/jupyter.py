"""A chapter as a notebook that reads in plain Jupyter as its page does.

Jupyter shows Markdown; roles and directives of MyST it shows as they are typed. Here numbers,
terms, references and citations take the place of roles, and quotes that of directives.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import yaml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from pybtex.database import Entry, Person, parse_file
from pybtex.richtext import Text

from palmira.record.evidence import MIME

# A role with its content, a span of code, or the target of a link.
INLINE = re.compile(
    r"(?:\{(?P<role>[\w:.+-]+)\})?(?P<tick>`+)(?P<text>.+?)(?<!`)(?P=tick)(?!`)"
    r"|(?<=\]\()(?P<target>[^()\s]+)(?=\))",
    re.DOTALL,
)
TITLED = re.compile(r"(?P<title>.+?)\s*<(?P<target>[^<>]+)>", re.DOTALL)
DIRECTIVE = re.compile(r"\{(?P<name>[\w:.+-]+)\}\s*(?P<argument>.*)")
OPTION = re.compile(r":(?P<key>[\w-]+):\s*(?P<value>.*)")
DEFINITION = re.compile(r"^(?P<term>\S.*)\n: +(?P<text>\S)", re.MULTILINE)
# Directives that only arrange what they hold.
ARRANGE = {"container", "div", "grid", "grid-item", "only", "tab-set"}
# What the page does not show either, or only its own scripts can.
HIDDEN = {"bibliography", "contents", "eval-rst", "index", "tableofcontents", "toctree"}
# Those with a title of their own, and the titles of others where not the name of the directive.
NAMED = {"admonition", "card", "dropdown", "margin", "sidebar", "tab-item", "topic"}
TITLES = {"seealso": "See also"}
VERBATIM = {"code", "code-block", "sourcecode", "literalinclude", "parsed-literal"}


@dataclass(frozen=True)
class Label:
    """What a reference names: its page, and its title or number ("Fig. 3")."""

    page: str
    title: str = ""
    number: str = ""


@dataclass(frozen=True)
class Book:
    """What a chapter's references rest on: labels, cited works and the pages that are notebooks."""

    labels: Mapping[str, Label]
    works: Mapping[str, Entry] = field(default_factory=dict)
    chapters: frozenset[str] = frozenset()


def works(paths: Iterable[Path]) -> dict[str, Entry]:
    """Entries of BibTeX files, by key."""
    return {key: e for path in paths for key, e in parse_file(str(path)).entries.items()}


def rewrite(notebook: nbformat.NotebookNode, page: str, book: Book) -> None:
    """Rewrite an executed chapter (``page``: its path without ending) for plain Jupyter."""
    chapter = _Chapter(page, book, glued(notebook))
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "markdown":
            cell.source = chapter.markdown(cell.source)
        for output in cell.get("outputs", ()):
            chapter.output(output.get("data") or {})
    notebook.cells = [c for c in notebook.cells if c.cell_type == "code" or c.source.strip()]
    notebook.nbformat_minor = 5
    for key in ("jupytext", "source_map", "wordcount"):  # else a save would write a text file
        notebook.metadata.pop(key, None)


def glued(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """What the cells glued for the prose, by key."""
    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            glue = output.get("metadata", {}).get("scrapbook")
            if glue:
                text = output["data"][f"{glue['mime_prefix']}text/plain"]
                try:
                    found[glue["name"]] = ast.literal_eval(text)
                except (SyntaxError, ValueError):
                    found[glue["name"]] = text
    return found


class _Chapter:
    def __init__(self, page: str, book: Book, numbers: Mapping[str, Any]) -> None:
        self.page, self.book, self.numbers = page, book, numbers
        self.parser = _parser()

    def output(self, data: dict[str, Any]) -> None:
        """Prose that a cell shows as the rest; an exhibit with its number, and once."""
        if "text/markdown" in data:
            data["text/markdown"] = self.markdown(data["text/markdown"])
        if (exhibit := data.pop(MIME, None)) and "text/html" in data:
            label = self.book.labels.get(exhibit["name"])
            if label and label.number:
                for tag in ("<figcaption>", "<caption>"):
                    data["text/html"] = data["text/html"].replace(tag, f"{tag}{label.number}. ", 1)

    def markdown(self, text: str) -> str:
        """Text without roles, directives, targets and comments."""
        lines, done, end = text.split("\n"), [], 0
        for token in self.parser.parse(text):
            if not token.map or token.map[0] < end:
                continue
            if (block := self._block(token, lines)) is not None:
                done.append(self._prose("\n".join(lines[end : token.map[0]])))
                done.append(block)
                end = token.map[1]
        done.append(self._prose("\n".join(lines[end:])))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(part for part in done if part)).strip("\n")

    def _block(self, token: Token, lines: list[str]) -> str | None:
        """What stands for a block that is not prose; None for prose."""
        assert token.map
        if token.type in ("myst_target", "myst_line_comment", "myst_block_break"):
            return ""
        if token.type in ("code_block", "math_block", "amsmath", "html_block"):
            return "\n".join(lines[token.map[0] : token.map[1]])
        if token.type not in ("fence", "colon_fence"):
            return None
        if not (found := DIRECTIVE.fullmatch(token.info.strip())):
            return "\n".join(lines[token.map[0] : token.map[1]])
        indent = re.match(r"[\s>]*", lines[token.map[0]])[0]  # type: ignore[index]
        block = self._directive(found["name"], found["argument"].strip(), token.content)
        return "\n".join(f"{indent}{line}".rstrip() for line in ["", *block.split("\n"), ""])

    def _directive(self, name: str, argument: str, content: str) -> str:
        options, body = _options(content)
        if name in HIDDEN:
            return ""
        if name in VERBATIM:
            return f"```{argument}\n{body}\n```"
        if name == "math":
            return f"$$\n{body}\n$$"
        if name == "raw":
            return body
        if name in ("image", "figure"):
            caption = f"\n\n{self.markdown(body)}" if body.strip() else ""
            return f"![{options.get('alt', '')}]({argument}){caption}"
        if name.startswith("button-"):
            words = self._prose(body.strip()) or None
            return f"**{self._reference(argument, words) if name == 'button-ref' else words}**"
        inner = self._listed(body, options) if name == "list-table" else self.markdown(body)
        if name in ("list-table", "table"):
            number = self.book.labels.get(options.get("name", "").lower(), Label("")).number
            title = ". ".join(filter(None, (number, self._prose(argument))))
            return f"**{title}**\n\n{inner}" if title else inner
        if name in ARRANGE:
            return inner
        title = self._prose(argument)
        if name not in NAMED:  # its kind is its title, and what follows it the first line
            inner = f"{title}\n\n{inner}" if title else inner
            title = TITLES.get(name, name.capitalize())
        quoted = [f"**{title}**", "", *inner.split("\n")] if title else inner.split("\n")
        return "\n".join(f"> {line}".rstrip() for line in quoted)

    def _listed(self, body: str, options: Mapping[str, str]) -> str:
        """The Markdown table of a list of lists."""
        rows: list[list[str]] = []
        for token in self.parser.parse(body):
            if token.type == "list_item_open" and token.level == 1:
                rows.append([])
            elif token.type == "list_item_open" and token.level == 3:
                rows[-1].append("")
            elif token.type == "inline" and rows and rows[-1]:
                words = self._prose(token.content).replace("\n", " ").replace("|", "\\|")
                rows[-1][-1] = "<br>".join(filter(None, (rows[-1][-1], words)))
        wide = max(map(len, rows), default=0)
        heads, stubs = (int(options.get(f"{k}") or 0) for k in ("header-rows", "stub-columns"))
        table = rows if heads else [[""] * wide, *rows]
        for row in rows[min(heads, 1) :]:
            row[:stubs] = [f"**{cell}**" if cell else "" for cell in row[:stubs]]
        table.insert(1, ["---"] * wide)
        return "\n".join(f"| {' | '.join(row + [''] * (wide - len(row)))} |" for row in table)

    def _prose(self, text: str) -> str:
        """Running text, its roles and links replaced; definitions become a list."""
        text = DEFINITION.sub(lambda m: f"- **{m['term'].strip('*')}**: {m['text']}", text)
        return INLINE.sub(self._inline, text)

    def _inline(self, match: re.Match[str]) -> str:
        if target := match["target"]:
            return self._address(target)
        if not (role := match["role"]):
            return match[0]  # code
        text = " ".join(match["text"].split())
        if role.startswith("glue:"):
            return self._number(text)
        if role.startswith("cite"):
            return self._cited(text, textual=role == "cite:t")
        titled = TITLED.fullmatch(text)
        title, target = (titled["title"], titled["target"]) if titled else (None, text)
        if role in ("ref", "numref", "doc"):
            return self._reference(target, title, numbered=role == "numref")
        if role == "download":
            return f"[{title or Path(target).name}]({target})"
        if role == "math":
            return f"${text}$"
        return title or text  # a term, an abbreviation, a key

    def _number(self, text: str) -> str:
        key, _, form = text.rpartition("::")[2].partition(":")
        if key not in self.numbers:
            return f"`{key}`"  # its cell did not run, which the build has said
        return format(self.numbers[key], form)

    def _reference(self, name: str, words: str | None = None, numbered: bool = False) -> str:
        """The words of a reference, or title or number; a link where a notebook holds it."""
        label = self.book.labels.get(name.lower(), Label(""))
        if words and numbered:
            words = words.replace("{number}", label.number.rpartition(" ")[2]).replace(
                "{name}", label.title
            )
        shown = words or (label.number if numbered else "") or label.title or name
        if label.page == self.page or label.page not in self.book.chapters:
            return shown
        return f"[{shown}]({self._beside(label.page)})"

    def _address(self, target: str) -> str:
        """Of a link: a chapter's becomes its notebook's."""
        stem = os.path.normpath(Path(self.page).parent / target)
        if stem.endswith(".md") and stem[:-3] in self.book.chapters:
            return self._beside(stem[:-3])
        label = self.book.labels.get(target.lstrip("#").lower())
        if label and label.page in self.book.chapters and label.page != self.page:
            return self._beside(label.page)
        return target

    def _beside(self, page: str) -> str:
        return f"{Path(os.path.relpath(page, Path(self.page).parent)).as_posix()}.ipynb"

    def _cited(self, keys: str, textual: bool) -> str:
        cited = []
        for key in (k.strip() for k in keys.split(",")):
            if (entry := self.book.works.get(key)) is None:
                cited.append(key)  # which the build has said
                continue
            name, year = _authors(entry), entry.fields.get("year", "undated")
            words = f"{name} ({year})" if textual else f"{name} {year}"
            doi = entry.fields.get("doi")
            cited.append(f"[{words}](https://doi.org/{doi})" if doi else words)
        return ", ".join(cited) if textual else f"({'; '.join(cited)})"


def _authors(entry: Entry) -> str:
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [_family(person) for person in people]
    if len(names) > 2 or "others" in names:
        return f"{names[0]} et al."
    return " and ".join(names) or str(Text.from_latex(entry.fields.get("title", "")))


def _family(person: Person) -> str:
    names = [*person.prelast_names, *person.last_names]
    return " ".join(str(Text.from_latex(name)) for name in names)


def _options(content: str) -> tuple[dict[str, str], str]:
    """Options of a directive, and what follows them."""
    if block := re.match(r"---\n(.*?\n)---(?:\n|$)", content, re.DOTALL):
        given = yaml.safe_load(block[1]) or {}
        return {k: str(v) for k, v in given.items()}, content[block.end() :].strip("\n")
    lines, options = content.split("\n"), {}
    while lines and (found := OPTION.fullmatch(lines[0].strip())):
        options[found["key"]] = found["value"]
        del lines[0]
    return options, "\n".join(lines).strip("\n")


def _parser() -> MarkdownIt:
    extensions = {"colon_fence", "deflist", "dollarmath", "amsmath"}
    return create_md_parser(MdParserConfig(enable_extensions=extensions), RendererHTML)
