"""The built site: whole, offline, and readable without pictures."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
CLASSES = {"published", "derived", "conditional", "synthetic", "simulated"}
LOADING = dict.fromkeys(("img", "script", "iframe", "source", "video", "embed"), "src")
LOADING |= {"link": "href", "object": "data"}

pytestmark = [pytest.mark.slow, pytest.mark.site]


class Page(HTMLParser):
    """What a page loads, links to and shows."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.loads, self.links, self.images = path, [], [], []
        self.ids: set[str] = set()
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        if "id" in a:
            self.ids.add(a["id"])
        if tag in LOADING and a.get(LOADING[tag]):
            self.loads.append(a[LOADING[tag]])
        if tag == "a" and a.get("href"):
            self.links.append(a["href"])
        if tag == "img":
            self.images.append(a)


@pytest.fixture(scope="session")
def pages():
    # The theme leaves its own page templates among the static files.
    files = [p for p in sorted(SITE.rglob("*.html")) if "_static" not in p.parts]
    found = {p.relative_to(SITE).as_posix(): Page(p) for p in files}
    assert found, "build the book first: make book"
    return found


@pytest.fixture(scope="session")
def chapters(pages):
    return {name: page for name, page in pages.items() if name.startswith("notebooks/")}


def exhibits(page: Page) -> list[str]:
    figures = re.findall(r'<figure class="exhibit.*?</figure>', page.text, flags=re.DOTALL)
    tables = re.findall(r'<table class="exhibit.*?</table>', page.text, flags=re.DOTALL)
    return figures + tables


def test_no_page_loads_anything_from_another_place(pages):
    outside = {
        (name, address)
        for name, page in pages.items()
        for address in page.loads
        if urlsplit(address).scheme not in ("", "data") or urlsplit(address).netloc
    }
    assert outside == set()


def test_no_style_sheet_loads_anything_from_another_place():
    for path in SITE.rglob("*.css"):
        text = path.read_text(encoding="utf-8", errors="replace")
        found = re.findall(r"(?:url\(|@import)\s*['\"]?(https?:)?//[^)'\"]+", text)
        assert found == [], path


def test_no_inline_script_names_an_address_to_load(pages):
    for name, page in pages.items():
        scripts = re.findall(r"<script[^>]*>(.*?)</script>", page.text, flags=re.DOTALL)
        assert not [s for s in scripts if re.search(r"https?://", s)], name


def test_everything_that_a_page_loads_or_links_to_is_there(pages):
    lost = set()
    for page in pages.values():
        for address in [*page.loads, *page.links]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            if not target.exists():
                lost.add((page.path.name, address))
            elif parts.fragment and target.suffix == ".html":
                other = pages[target.relative_to(SITE).as_posix()]
                # A slide's address has a stroke before its id.
                if unquote(parts.fragment).removeprefix("/") not in other.ids:
                    lost.add((page.path.name, address))
    assert lost == set()


def test_every_picture_says_what_it_shows(chapters):
    seen = set()
    for name, page in chapters.items():
        for image in page.images:
            alt = image.get("alt", "")
            assert len(alt.split()) >= 8 and re.search(r"\d", alt), (name, image.get("src"), alt)
            assert "nan" not in re.findall(r"\w+", alt), (name, alt)
            assert not re.search(r"-0\.0+(?!\d)", alt), (name, alt)
            assert alt not in seen
            seen.add(alt)
    assert len(seen) > 10


def test_every_table_has_a_caption_and_header_cells(chapters):
    for name, page in chapters.items():
        for table in re.findall(r"<table.*?</table>", page.text, flags=re.DOTALL):
            if 'class="exhibit' in table:
                assert "<caption>" in table and 'scope="col"' in table, name
                assert 'scope="row"' in table, name
            else:
                assert "<th" in table, name


def test_every_figure_and_table_names_its_evidence_class_and_offers_its_data(chapters):
    total = 0
    for name, page in chapters.items():
        for exhibit in exhibits(page):
            classes = re.findall(r"evidence evidence-(\w+)", exhibit)
            assert len(classes) == 1 and classes[0] in CLASSES, name
            address = re.search(r'href="([^"]+\.csv)"', exhibit)
            assert address, name
            data = (page.path.parent / address[1]).read_text(encoding="utf-8")
            assert len(data.splitlines()) >= 2
            total += 1
    assert total > 30


def test_every_picture_of_a_chapter_is_an_exhibit(chapters):
    for name, page in chapters.items():
        figures = [e for e in exhibits(page) if e.startswith("<figure")]
        assert len(page.images) == len(figures), name


def test_the_executed_notebook_of_each_chapter_can_be_downloaded(chapters):
    for source in sorted((ROOT / "notebooks").glob("*.md")):
        page = chapters[f"notebooks/{source.stem}.html"]
        address = next(a for a in page.links if a.endswith(f"{source.stem}.ipynb"))
        notebook = json.loads((page.path.parent / address).read_text(encoding="utf-8"))
        code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
        assert code and all(c["execution_count"] for c in code)


def test_mathematics_needs_no_script(pages):
    assert not [n for n, p in pages.items() if re.search(r"mathjax[^_\"]*\.js", p.text)]
    assert any("<math" in p.text for p in pages.values())


def test_a_machine_path_is_on_no_page(pages):
    inside = re.compile(rf"(?<![\w.~-]){re.escape(str(ROOT))}/")  # a clone may lie at /palmira
    assert not [n for n, p in pages.items() if inside.search(p.text)]


def test_each_exercise_is_followed_by_a_folded_solution_with_its_output(chapters):
    found = 0
    for name, page in chapters.items():
        for part in page.text.split('<p class="admonition-title">Exercise for')[1:]:
            found += 1
            solution = re.search(r'<details class="admonition hide.*?</details>', part, re.DOTALL)
            assert solution, name
            assert "<h2" not in part[: solution.start()], f"{name}: it is in another section"
            assert "Show the solution" in solution[0]
            output = re.search(r"class=\"output.*?<pre>(.*?)</pre>", solution[0], re.DOTALL)
            assert output and len(re.sub(r"<[^>]+>", "", output[1]).strip()) > 20, name
    assert found >= 12
