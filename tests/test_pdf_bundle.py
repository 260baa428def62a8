"""The book on paper and in one file: nothing lost on the way, the same bytes each time."""

import io
import os
import shutil
import zipfile
from pathlib import Path
from unicodedata import normalize

import pytest
from pypdf import PdfReader

from palmira.site import bundle, pdf

ROOT = Path(__file__).parents[1]
PAGE = """<html><head><title>t</title><link rel="stylesheet" href="../_static/print.css"></head>
<body><nav>menu</nav><article class="bd-article"><section id="top"><h1>{title}
<a class="headerlink" href="#top">#</a></h1>{body}</section></article></body></html>"""
FIRST = """<p>See <a href="second.html#top">the second</a>, <a href="#top">above</a>,
<a href="data.csv">data</a> and <a href="https://example.org/x">elsewhere</a>.</p>
<details class="hide above-input"><pre>code</pre></details>
<details><summary>Proof</summary><p>folded text</p></details>
<details class="hide"><summary>Hide it</summary><p>a shown table</p></details>
<div style="height: 1100px">long</div>"""
TOC = {"root": "a/first", "parts": [{"caption": "More", "chapters": [{"file": "a/second"}]}]}


@pytest.fixture
def site(tmp_path):
    """A site of two pages, the first of which is longer than a sheet of paper."""
    folder = tmp_path / "html"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "first.html").write_text(PAGE.format(title="First", body=FIRST), "utf-8")
    (folder / "a" / "second.html").write_text(PAGE.format(title="Second", body="<p>b</p>"), "utf-8")
    (folder / "_static").mkdir()
    shutil.copy(ROOT / "book" / "_static" / "print.css", folder / "_static")
    (tmp_path / "pdf").mkdir()
    return folder


def text_of(made: bytes) -> list[str]:
    """Text of each page; some fonts set fi as one letter, which is taken apart."""
    return [normalize("NFKC", page.extract_text()) for page in PdfReader(io.BytesIO(made)).pages]


def test_pages_are_printed_in_the_order_of_the_contents():
    sections = {"chapters": [{"file": "b", "sections": [{"file": "c"}]}, {"file": "d"}]}
    assert pdf.chapters({"root": "a", "parts": [sections]}) == ["a", "b", "c", "d"]


def test_a_page_on_paper_opens_what_is_folded_hides_code_and_prints_addresses(site):
    found = pdf.article(site, ["a/first", "a/second"], "a/first")
    html, text = str(found), found.get_text()
    assert 'href="#p1-top"' in html and 'href="#p0-top"' in html
    assert "elsewhere (https://example.org/x)" in text
    assert "data" in text and "data.csv" not in html
    assert "code" not in text and "#\n" not in text
    assert "a shown table" in text and "Hide it" not in text and "Proof" in text
    assert "<details" not in html and "folded text" in text


def test_answers_are_printed_after_the_questions_and_solutions_as_their_output(site):
    forms = "".join(
        f'<form class="quiz-question"><label>option</label><p class="quiz-said"></p><details '
        f'class="quiz-plain"><summary>Answer</summary>why {n}</details></form>'
        for n in (1, 2)
    )
    cell = """<div class="cell tag_hide-cell"><details class="hide above-input"><summary>Show
</summary>
<div class="cell_input">code</div><div class="cell_output">the output</div></details></div>
<table><tr><td><a class="reference download" href="x.csv"><code>x.csv</code></a></td></tr></table>
<a class="reference download" href="y.csv">Data</a><a class="reference external"
href="https://doi.org/10.1/ab">doi:10.1/ab</a>"""
    html = PAGE.format(title="Quiz", body=f'<div class="quiz">{forms}</div>{cell}')
    (site / "a" / "second.html").write_text(html, "utf-8")
    text = pdf.article(site, ["a/second"], "a/second").get_text()
    assert text.rindex("option") < text.index("Answer to question 1") < text.index("why 2")
    assert "Solution" in text and "the output" in text and "code" not in text
    assert "x.csv" in text and "Data" not in text and "https://doi" not in text


def test_a_page_that_was_not_built_is_named(site):
    with pytest.raises(FileNotFoundError, match=r"third\.html is missing\. Mend"):
        pdf.article(site, ["a/third"], "a/third")


@pytest.mark.slow
def test_the_book_is_printed_with_right_page_numbers_and_the_same_bytes_twice(site, browser):
    work = site.parent / "pdf" / "work.html"
    made = [pdf.whole_book(browser, site, TOC, "The title", work) for _ in range(2)]
    assert made[0] == made[1]
    pages = text_of(made[0])
    assert "First" in pages[1] and "folded text" in "".join(pages)
    assert "Second" in pages[-1] and len(pages) >= 4, pages
    assert f"Second{len(pages)}" in pages[0].replace(" ", "").replace("\n", "")
    assert PdfReader(io.BytesIO(made[0])).outline


TOGETHER = (
    ("paragraph_first", "paragraph_last"),
    ("caption_first", "caption_last", "Head", "row_1 row_2"),
    ("row_39 row_40", "note_first", "note_last"),
    ("the task", "Solution", "the way"),
    ("the way", "What we learned", "a lesson", "a question"),
)
ROWS = "".join(f"<tr><td>row_{n}</td></tr>" for n in range(1, 41))
EXHIBIT = f"""<p>paragraph_first {"in four lines " * 28} paragraph_last</p>
<div class="admonition hide"><table style="width: 100%"><caption>caption_first
{"of some length " * 15} caption_last
</caption><thead><tr><th>Head</th></tr></thead><tbody>{ROWS}</tbody></table>
<p class="exhibit-note">note_first {"in two lines " * 14} note_last</p></div>"""
CLOSE = """<section id="exercise"><h2>Exercise</h2>
<div class="exercise admonition"><p class="admonition-title">Exercise</p><p>the task</p></div>
<div class="cell"><div class="solution"><p class="folded">Solution</p><p>the way</p></div></div>
</section><section id="what-we-learned"><h2>What we learned</h2><ul><li>a lesson</li></ul>
<p>a question</p></section>"""


@pytest.mark.slow
def test_what_belongs_together_is_not_torn_wherever_a_page_ends(site, browser):
    work, gaps = site.parent / "pdf" / "work.html", range(800, 980, 25)
    pages = [f"a/gap{above}" for above in gaps]
    for above, page in zip(gaps, pages, strict=True):
        gap = f'<div style="height: {above}px"></div>'
        html = PAGE.format(title=f"Gap {above}", body=gap + EXHIBIT + gap + CLOSE)
        (site / f"{page}.html").write_text(html, "utf-8")
    printed = "".join(str(pdf.article(site, pages, page)) for page in pages)
    work.write_text(pdf.document(site, "book", "t", printed, pages), "utf-8")
    made = [" ".join(page.split()) for page in text_of(pdf.printed(browser, work, "t"))]
    starts = [next(i for i, page in enumerate(made) if f"Gap {above}" in page) for above in gaps]
    for above, start, end in zip(gaps, starts, [*starts[1:], len(made)], strict=True):
        own = made[start:end]
        assert len(own) >= 3, (above, made)
        for words in TOGETHER:
            assert any(all(w in page for w in words) for page in own), (above, words, own)


@pytest.mark.slow
def test_the_summary_is_one_page_of_a4_or_says_what_to_do(site, browser, monkeypatch):
    def summary_of(height):
        text = FIRST.replace("1100px", f"{height}px")
        (site / "a" / "first.html").write_text(PAGE.format(title="First", body=text), "utf-8")
        return pdf.summary(browser, site, "a/first", "The title", site.parent / "pdf" / "work.html")

    monkeypatch.setattr(pdf, "SMALLEST", 0.92)  # a few tries are enough
    (page,) = PdfReader(io.BytesIO(summary_of(850))).pages  # too long at its full size
    assert [float(x) for x in page.mediabox[2:]] == pytest.approx([595.3, 841.9], abs=1)
    with pytest.raises(ValueError, match="too long for a summary"):
        summary_of(5000)


def test_a_bundle_of_the_same_files_is_the_same_bytes(tmp_path):
    made = []
    for number, order in enumerate((("b", "a"), ("a", "b"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in order:
            (folder / name).write_text(f"content of {name}", "utf-8")
            os.utime(folder / name, (number * 1e6, number * 1e6))
        bundle.pack([(f"top/{n}", folder / n) for n in order], tmp_path / f"{number}.zip")
        made.append((tmp_path / f"{number}.zip").read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "0.zip") as archive:
        assert archive.namelist() == sorted(archive.namelist())
        assert archive.read("top/a") == b"content of a"
        assert archive.testzip() is None


def test_a_bundle_holds_site_slides_pdfs_notebooks_data_and_lock(tmp_path, parts_of_a_bundle):
    for folder in parts_of_a_bundle(tmp_path):
        (folder / "index.html").write_text("x", "utf-8")
    (tmp_path / "_build/pdf/.book.pdf.new").write_text("half", "utf-8")
    (tmp_path / "_build/html/_sources/notebooks/a.ipynb").write_text("{}", "utf-8")
    names = {name for name, _ in bundle.files(tmp_path)}
    top = bundle.NAME
    assert {
        f"{top}/index.html",
        f"{top}/requirements.lock",
        f"{top}/executed-notebooks/a.ipynb",
        f"{top}/pdf/index.html",
        f"{top}/data/twin/index.html",
    } <= names
    assert f"{top}/executed-notebooks/index.html" not in names
    assert not [name for name in names if name.endswith(".new")]


def test_a_missing_part_stops_the_bundle_before_anything_is_written(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"_build/html is missing\. Mend: call make bundle"):
        list(bundle.files(tmp_path))


def test_a_bundle_that_is_stopped_leaves_the_old_one_and_nothing_beside(tmp_path, monkeypatch):
    target = tmp_path / "book.zip"
    target.write_bytes(b"old")

    def stopped(self: Path, content: bytes) -> None:
        with self.open("wb") as file:
            file.write(content[:3])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", stopped)
    with pytest.raises(KeyboardInterrupt):
        bundle.write_whole(target, b"new content")
    assert [p.name for p in tmp_path.iterdir()] == ["book.zip"]
    assert target.read_bytes() == b"old"
