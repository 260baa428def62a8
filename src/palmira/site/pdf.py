"""The book as PDF, printed by a headless Chromium from the built site: all of it, and one page."""

from __future__ import annotations

import io
import posixpath
import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from bs4 import BeautifulSoup, Tag
from pypdf import PdfReader

from palmira.record.files import write_whole
from palmira.site.browser import NoBrowserError, browsing

WIDTH = 673  # of the text in pixels: A4 less margins
PAPER = {"format": "A4", "outline": True, "tagged": True, "print_background": True}
MARGINS = {"top": "16mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}
SMALLEST = 0.6  # scale of the summary below which nobody reads it
# Sections of the first page that a summary on one page does without.
SUMMARY_WITHOUT = ("what-this-book-adds", "what-it-could-not-see", "three-ways-to-use-it")
NOT_PRINTED = (
    "script, a.headerlink, .above-input, .toctree-wrapper, button, nav, .prev-next-area, iframe, "
    "a.sd-btn, .source-links, .viewcode-link, .quiz-said, .quiz-bar, .quiz-summary, "
    ".sd-summary-state-marker, "
    ".hide > summary"
)
DATES = re.compile(rb"(/(?:Creation|Mod)Date \(D:)\d{14}([^)]*\))")
LONG_AGO = rb"\g<1>20250101000000\g<2>"
NODE = re.compile(rb"\(node\d{8}\)")  # Chromium's running number of an element
FOOTER = (
    '<div style="font: 8px sans-serif; width: 100%; padding: 0 16mm; display: flex; '
    'justify-content: space-between"><span>{title}</span><span><span class="pageNumber"></span> of '
    '<span class="totalPages"></span></span></div>'
)
# A table that is wider than the page is set smaller; one that is taller than a third of it may go
# on over the page; a short paragraph may not.
FIT = """(width) => {
  for (const table of document.querySelectorAll("table")) {
    if (table.scrollWidth > width) table.style.zoom = width / table.scrollWidth;
    if (table.offsetHeight > width / 2) table.style.breakInside = "auto";
  }
  for (const text of document.querySelectorAll("p, li")) {
    if (text.offsetHeight < width / 8) text.style.breakInside = "avoid";
  }
  return Math.max(0, ...[...document.querySelectorAll("main > *, main img, main table")].map(
    (e) => e.getBoundingClientRect().right)) - width;
}"""
DOCUMENT = """\
<!doctype html>
<html lang="en" data-theme="light" data-mode="light">
<head><meta charset="utf-8"><title>{title}</title>
{styles}
</head>
<body class="printed {kind}"><main>
{body}
</main></body></html>
"""


def chapters(toc: dict[str, Any]) -> list[str]:
    """The pages of a table of contents in order, without their endings."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (node[key] for key in ("root", "file") if key in node)
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for item in node:
                yield from walk(item)

    return list(walk(toc))


def article(site: Path, pages: list[str], page: str) -> Tag:
    """What a page says, ready to stand beside others: ids and links made one document's.

    Raises ``FileNotFoundError`` where the site does not have the page.
    """
    path = site / f"{page}.html"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing. Mend: call make book first.")
    found = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select_one("article")
    assert found is not None, page
    _unfold(found)
    for element in found.select(NOT_PRINTED):
        element.decompose()
    number = pages.index(page)
    for element in found.select("[id]"):
        element["id"] = f"p{number}-{element['id']}"
    for element in found.select("[for]"):
        element["for"] = f"p{number}-{element['for']}"
    for element in found.select("[src]"):
        if not urlsplit(str(element["src"])).scheme:
            element["src"] = "../html/" + _place(page, str(element["src"]))
        element.attrs.pop("loading", None)
    for link in found.select("a[href]"):
        _print_link(link, pages, page)
    found["id"] = f"p{number}"
    return found


def _unfold(found: Tag) -> None:
    """What is folded on a screen: code is left out, a solution is its output under its exercise,
    the answers of the quiz follow its questions, everything else stands open."""
    for cell in found.select("div.tag_hide-cell"):
        for code in cell.select(".cell_input"):
            code.decompose()
        for fold in cell.select("details"):
            fold["class"] = "solution"
            if fold.summary:
                fold.summary.string = "Solution"
    for quiz in found.select("div.quiz"):
        answers = Tag(name="section", attrs={"class": "quiz-answers"})
        for number, form in enumerate(quiz.select("form.quiz-question"), start=1):
            answer = Tag(name="div", attrs={"class": "quiz-answer"})
            for part in form.select("details.quiz-plain, .quiz-sources"):
                if part.summary:
                    part.summary.string = f"Answer to question {number}"
                answer.append(part.extract())
            answers.append(answer)
        quiz.append(answers)
    for link in found.select("a.download"):  # a file is named; a button beside a caption is not
        if link.code:
            link.unwrap()
        else:
            link.decompose()
    for fold in found.select("details"):
        fold.name = "div"
        for summary in fold.find_all("summary", recursive=False):
            if not summary.find_parent(class_="hide"):
                summary.name, summary["class"] = "p", "folded"


def _place(page: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), address))


def _print_link(link: Tag, pages: list[str], page: str) -> None:
    """A link within the book goes to its place in print, an outer one shows its address."""
    parts = urlsplit(str(link["href"]))
    if parts.scheme or parts.netloc:
        address = parts.geturl()
        if parts.path.strip("/") not in link.get_text() or parts.path.strip("/") == "":
            shown = Tag(name="span", attrs={"class": "printed-address"})
            shown.string = f" ({address})"
            link.append(shown)
        return
    target = _place(page, parts.path).removesuffix(".html") if parts.path else page
    if target in pages:
        link["href"] = f"#p{pages.index(target)}" + (f"-{parts.fragment}" if parts.fragment else "")
    else:  # a file that is not on paper
        link.unwrap()


def document(site: Path, kind: str, title: str, body: str, pages: list[str]) -> str:
    """One HTML document with its pages' own style sheets, to be written beside the site."""
    styles = []
    for page in pages:
        html = (site / f"{page}.html").read_text(encoding="utf-8").partition("</head>")[0]
        for sheet in BeautifulSoup(html, "html.parser").select('link[rel="stylesheet"]'):
            sheet["href"] = "../html/" + _place(page, urlsplit(str(sheet["href"])).path)
            styles.append(str(sheet))
    return DOCUMENT.format(
        title=escape(title), kind=kind, body=body, styles="\n".join(dict.fromkeys(styles))
    )


def contents(toc: dict[str, Any], titles: list[str], numbers: list[int]) -> str:
    """The contents in HTML: parts, and each page with the number where it begins."""
    pages, lines = chapters(toc), []
    starts = {chapters(part)[0]: part.get("caption", "") for part in toc.get("parts", ())}
    for i, (page, title) in enumerate(zip(pages, titles, strict=True)):
        if page in starts:
            lines.append(f'<p class="part">{escape(starts[page])}</p>')
        number = numbers[i] if numbers else ""
        lines.append(f'<p><a href="#p{i}">{escape(title)}</a><span>{number}</span></p>')
    return f'<div class="contents">{"".join(lines)}</div>'


def printed(browser: Any, html: Path, title: str, scale: float = 1) -> bytes:
    """The document at ``html`` as PDF: A4, tagged, with an outline, the same bytes every time."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 1000}, java_script_enabled=False)
    try:
        page.emulate_media(media="print", color_scheme="light")
        page.goto(html.resolve().as_uri())
        beyond = page.evaluate(FIT, WIDTH)
        if beyond > 1:
            print(f"{html.name}: something is {beyond:.0f} px wider than the page", file=sys.stderr)
        running = {
            "header_template": "<span></span>",
            "footer_template": FOOTER.format(title=escape(title)),
        }
        made = page.pdf(scale=scale, margin=MARGINS, display_header_footer=True, **running, **PAPER)
    finally:
        page.close()
    return _same_every_time(made)


def _same_every_time(made: bytes) -> bytes:
    """One date, and elements numbered from one; no byte moves, so no offset of the file changes."""
    ranks = {node: i for i, node in enumerate(sorted(set(NODE.findall(made))), start=1)}
    renamed = NODE.sub(lambda match: b"(node%08d)" % ranks[match[0]], made)
    return DATES.sub(LONG_AGO, renamed)


def whole_book(browser: Any, site: Path, toc: dict[str, Any], title: str, work: Path) -> bytes:
    """Every page of the table of contents, with a title and contents before them."""
    pages = chapters(toc)
    articles = [article(site, pages, page) for page in pages]
    headings = [a.select_one("h1") for a in articles]
    titles = [h.get_text().strip() if h else p for h, p in zip(headings, pages, strict=True)]
    text = "\n".join(map(str, articles))
    numbers: list[int] = []
    made = b""
    for _ in range(2):  # the contents need the numbers of pages that stand behind them
        front = f'<h1 class="cover">{escape(title)}</h1>{contents(toc, titles, numbers)}'
        work.write_text(document(site, "book", title, front + text, pages), encoding="utf-8")
        made = printed(browser, work, title)
        numbers = _beginnings(made, len(pages))
    return made


def _beginnings(made: bytes, pages: int) -> list[int]:
    """The number of the page where each chapter begins."""
    reader = PdfReader(io.BytesIO(made))
    places = reader.named_destinations
    found = [reader.get_destination_page_number(places[f"/p{i}"]) for i in range(pages)]
    return [(n or 0) + 1 for n in found]


def summary(browser: Any, site: Path, root: str, title: str, work: Path) -> bytes:
    """The first page of the book on one page. Raises ``ValueError`` where it does not fit."""
    cited = _cited(site, root)
    text = article(site, [root], root)
    for name in SUMMARY_WITHOUT:
        for section in text.select(f"#p0-{name}"):
            section.decompose()
    for link in text.select('a[href^="../"]'):
        link.unwrap()
    work.write_text(document(site, "summary", title, str(text) + cited, [root]), encoding="utf-8")
    for percent in range(100, int(100 * SMALLEST) - 1, -4):
        made = printed(browser, work, title, percent / 100)
        if len(PdfReader(io.BytesIO(made)).pages) == 1:
            return made
    raise ValueError(
        f"{root}: too long for a summary on one page. Mend: name a section of it in "
        "SUMMARY_WITHOUT of palmira.site.pdf."
    )


def _cited(site: Path, page: str) -> str:
    """The references of a page in full, for where the list of the book is not at hand."""
    soup = BeautifulSoup((site / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    entries: dict[str, str] = {}
    for link in soup.select(".bibtex-citation a[href]"):
        parts = urlsplit(str(link["href"]))
        there = site / _place(page, parts.path)
        listed = BeautifulSoup(there.read_text(encoding="utf-8"), "html.parser")
        if (entry := listed.find(id=parts.fragment)) and entry.p:
            entries[parts.fragment] = f'<p class="cited">{escape(entry.p.get_text())}</p>'
    return "".join(entries.values())


def make(root: Path) -> None:
    """Write _build/pdf of the project at ``root`` from its built site."""
    site, folder = root / "_build" / "html", root / "_build" / "pdf"
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    title = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["title"]
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / ".printing.html"
    try:
        with browsing() as browser:
            one = summary(browser, site, toc["root"], title, work)
            write_whole(folder / "palmira-summary.pdf", one)
            write_whole(folder / "palmira-book.pdf", whole_book(browser, site, toc, title, work))
    finally:
        work.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        make(Path.cwd())
    except (OSError, ValueError, NoBrowserError) as problem:
        sys.exit(str(problem))
