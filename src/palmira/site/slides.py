"""Slides of the book, for reveal.js: its very pictures, and its numbers by the same glue."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from typing import Annotated

import yaml
from markdown_it import MarkdownIt
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from palmira.record.evidence import Evidence

SOURCE = Path("book", "slides.yaml")
GLUE = re.compile(r"\{glue:text\}`([^`]+)`")
# A line of a picture that lies flat: its words, where its base is, its size over 100 (points).
LINE = re.compile(
    r'<!-- (.*?) -->\s*<g [^>]*?transform="translate\([\d.-]+ ([\d.-]+)\) scale\(([\d.]+) '
)
SAME_LINE = 4  # points between the middles of texts that stand in one line
NOTHING_SHOWN = "This slide shows no result."
MARKDOWN = MarkdownIt("commonmark", {"html": False})
EXHIBIT = r'<figure class="exhibit[^>]* id="{name}">(.*?)</figure>'
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>PALMIRA, executable: slides</title>
<link rel="icon" href="../_static/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="../_static/vendor/reveal/reveal.css">
<link rel="stylesheet" href="../_static/slides.css">
<noscript><link rel="stylesheet" href="../_static/slides-plain.css"></noscript>
</head>
<body>
<main class="reveal">
<div class="slides">
{slides}
</div>
</main>
<script src="../_static/vendor/reveal/reveal.js"></script>
<script src="../_static/vendor/reveal/notes.js"></script>
<script src="../_static/slides.js"></script>
</body>
</html>
"""


class SlidesError(ValueError):
    """The slides cannot be made; says where and how to mend it."""


class Slide(BaseModel):
    """One slide as its source gives it; ``exhibit`` is ``chapter#name``.

    ``bands`` are the parts of a tall picture that the slide shows, from above to below: the first
    and the last text of each, an empty one for the picture's edge. ``evidence`` is by default that
    of the exhibit.
    """

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1)]
    text: str = ""
    exhibit: Annotated[str, Field(pattern=r"^[\w/-]+#[\w-]+$")] | None = None
    bands: list[tuple[str, str]] = [("", "")]
    evidence: Evidence | None = None
    notes: Annotated[str, Field(min_length=1)]


def read(path: Path) -> list[Slide]:
    """The slides of a source. Raises ``SlidesError`` naming file and entry."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(list[Slide]).validate_python(found)
    except yaml.YAMLError as problem:
        raise SlidesError(f"{path}: not YAML. Mend the place named here: {problem}") from problem
    except ValidationError as problem:
        first = problem.errors()[0]
        place = " > ".join(str(p + 1 if isinstance(p, int) else p) for p in first["loc"])
        raise SlidesError(
            f"{path}: slide {place or 1}: {first['msg']}. Mend it there."
        ) from problem


def numbers(executed: Path, pages: list[str]) -> dict[str, str]:
    """What these pages glue, by name, as their prose shows it."""
    found: dict[str, str] = {}
    for page in pages:
        path = executed / f"{page}.glue.json"
        if path.is_file():
            for key, output in json.loads(path.read_text(encoding="utf-8")).items():
                text = output["data"].get("text/plain", "")
                found[key] = text[1:-1] if text[:1] in "'\"" else text
    return found


def render(slides: list[Slide], site: Path, glued: Mapping[str, str]) -> str:
    """The page of the slides. Raises ``SlidesError`` for an exhibit or number that is not there."""
    sections = [_section(f"slide-{n}", s, site, glued) for n, s in enumerate(slides, start=1)]
    return PAGE.format(slides="\n".join(sections))


def _section(id: str, slide: Slide, site: Path, glued: Mapping[str, str]) -> str:
    text, notes = (_markdown(t, glued, slide.title) for t in (slide.text, slide.notes))
    layout, body, evidence, link = "words", text, slide.evidence, ""
    if slide.exhibit:
        page, _, name = slide.exhibit.partition("#")
        picture, shown = _picture(site, page, name, slide)
        evidence, layout = slide.evidence or shown, "pictured"
        body = f"{picture}\n<div>{text}</div>\n"
        link = f'<p class="link"><a href="../{page}.html#{name}">In the book</a></p>\n'
    heading, layout = ("h1", "title") if id == "slide-1" else ("h2", layout)
    return f"""\
<section id="{id}" class="{layout}" aria-labelledby="{id}-title">
<{heading} id="{id}-title">{escape(slide.title)}</{heading}>
<div class="body">
{body}</div>
<p class="foot">{_badge(evidence)}</p>
{link}<aside class="notes">
{notes}</aside>
</section>"""


def write(root: Path, site: Path, executed: Path, pages: list[str]) -> None:
    """Write the slides of the book at ``root`` into its built ``site``. Raises ``SlidesError``."""
    text = render(read(root / SOURCE), site, numbers(executed, pages))
    target = site / "slides" / "index.html"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="utf-8")


def _markdown(text: str, glued: Mapping[str, str], title: str) -> str:
    def number(match: re.Match[str]) -> str:
        if match[1] not in glued:
            raise SlidesError(
                f"{SOURCE}: {title!r}: no chapter glues {match[1]!r}. Mend: name one that a "
                "chapter glues (quote or tell)."
            )
        return glued[match[1]]

    html: str = MARKDOWN.render(GLUE.sub(number, text))
    return html


def _picture(site: Path, page: str, name: str, slide: Slide) -> tuple[str, Evidence]:
    """The picture of an exhibit, the very file that its page shows, and its class."""
    path = site / f"{page}.html"
    html = path.read_text(encoding="utf-8") if path.is_file() else ""
    match = re.search(EXHIBIT.format(name=re.escape(name)), html, re.DOTALL)
    if not match:
        raise SlidesError(
            f"{SOURCE}: {slide.title!r}: {page} shows no figure {name!r}. Mend: give another name."
        )
    alt, source = (unescape(_found(rf'<img[^>]* {a}="([^"]*)"', match[1])) for a in ("alt", "src"))
    evidence = Evidence(_found(r"evidence-(\w+)\"", match[1]))
    file = (path.parent / source).resolve()
    svg = file.read_text(encoding="utf-8")
    width, height = (float(_found(rf'{side}="([\d.]+)pt"', svg)) for side in ("width", "height"))
    address = "../" + file.relative_to(site.resolve()).as_posix()
    try:
        parts = [edges(svg, first, last, height) for first, last in slide.bands]
    except KeyError as problem:
        raise SlidesError(
            f"{SOURCE}: {slide.title!r}: the picture {name!r} has no text {problem}. Mend: give "
            "one that it shows, or none for its edge."
        ) from problem
    ratio = width / sum(end - start for start, end in parts)
    sheet = f'<div class="picture"><div class="sheet" style="--ratio: {ratio:.4f}">\n'
    for number, (start, end) in enumerate(parts):
        said, above = "" if number else escape(alt), -100 * start / width
        image = f'<img src="{address}" alt="{said}" style="margin-top: {above:.3f}%">'
        ratio = width / (end - start)
        sheet += f'<div class="band" style="aspect-ratio: {ratio:.4f}">{image}</div>\n'
    return f"{sheet}</div></div>", evidence


def lines(svg: str) -> list[tuple[str, float, float]]:
    """Words, base and size of each line of a picture that lies flat, in points from above."""
    return [(unescape(m[1]).strip(), float(m[2]), 100 * float(m[3])) for m in LINE.finditer(svg)]


def edges(svg: str, first: str, last: str, height: float) -> tuple[float, float]:
    """Upper and lower edge of a band of a picture, halfway to the next lines; in points.

    A text is found by its beginning too. Raises ``KeyError`` for one that is not there.
    """
    found = [(words, base - 0.36 * size, base) for words, base, size in lines(svg)]
    bases = [(middle, base) for _, middle, base in found]  # middle of a capital letter

    def of(text: str) -> float:
        """Middle of the first such text."""
        for same in (str.__eq__, str.startswith):
            for words, middle, _ in found:
                if same(words, text):
                    return middle
        raise KeyError(text)

    start, end = 0.0, height
    if first:
        here = of(first)
        above = [(y, base) for y, base in bases if y < here - SAME_LINE]
        if above:
            middle, base = max(above)
            start = max((middle + here) / 2, base + 1)
    if last:
        here = of(last)
        below = [y for y, _ in bases if y > here + SAME_LINE]
        end = (min(below) + here) / 2 if below else end
    return start, end


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, pattern
    return match[1]


def _badge(evidence: Evidence | None) -> str:
    if evidence is None:
        return f"<span>{NOTHING_SHOWN}</span>"
    name = evidence.value
    return (
        f'<span><span class="evidence evidence-{name}">{name.capitalize()}</span> '
        f"{escape(evidence.meaning)}</span>"
    )
