"""The slides: the book's numbers and pictures, with their evidence, readable from the last row."""

import re
from pathlib import Path

import pytest
from test_chapters import typed_numbers

from palmira.site import slides

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
SLIDES = (SITE / "slides" / "index.html").as_uri()
SOURCE = slides.read(ROOT / slides.SOURCE)
MEANINGS = "Where a number comes from"  # says what the classes mean, shows no result
DAGGER = "[†](../notebooks/interval-width.html)"
# Pixels of a slide 720 high. A fortieth of its height: read from eight times the screen's height.
IN_PICTURES = 18
# The size over 100 of each text of a picture, lying or upright.
TEXT = re.compile(r"<!-- .*? -->\s*<g [^>]*?scale\(([\d.]+) -[\d.]+\)")
MEASURE = """() => {
  const slide = document.querySelector("section.present");
  const foot = slide.querySelector(".foot").getBoundingClientRect();
  const within = [...slide.querySelectorAll(".body *:not(.band *)")].map(
    (e) => e.getBoundingClientRect());
  const words = [...slide.querySelectorAll("h1, h2, p, li, span, a")].filter(
    (e) => !e.closest(".notes"));
  return {
    low: Math.max(...within.map((r) => r.bottom)),
    right: Math.max(foot.right, ...within.map((r) => r.right)),
    foot: foot.top,
    least: Math.min(...words.map((e) => parseFloat(getComputedStyle(e).fontSize))),
    loaded: [...slide.querySelectorAll("img")].every((e) => e.naturalWidth > 0),
    width: Math.max(0, ...[...slide.querySelectorAll("img")].map(
      (e) => e.getBoundingClientRect().width)),
  };
}"""


def picture(slide):
    return (SITE / "_images" / f"{slide.exhibit.partition('#')[2]}.svg").read_text("utf-8")


def plain(text: str) -> str:
    return slides.GLUE.sub("", text)


@pytest.mark.parametrize("slide", SOURCE, ids=lambda s: s.title)
def test_no_number_is_typed_on_a_slide_or_in_its_notes(slide):
    texts = [slide.title, *plain(slide.text).splitlines(), *plain(slide.notes).splitlines()]
    rest = [re.sub(r"^\s*\d\.|J Clin Oncol 2025", "", t) for t in texts]
    assert [t for t in rest if typed_numbers(t)] == []


@pytest.mark.parametrize("slide", SOURCE, ids=lambda s: s.title)
def test_a_slide_with_a_number_names_its_evidence(slide):
    shown = slides.GLUE.search(slide.text) and slide.title != MEANINGS
    assert slide.evidence or slide.exhibit or not shown


@pytest.mark.parametrize("slide", SOURCE, ids=lambda s: s.title)
def test_a_hazard_ratio_of_the_trial_stands_as_published_and_leads_to_the_width_of_its_interval(
    slide,
):
    for key, after in re.findall(r"`([\w.]*hazard_ratio\.estimate)`(.{0,60})", slide.text):
        assert after.startswith(DAGGER), key
    # Another reading of it stands in the pool's sensitivity rows, and on no other slide.
    keys = slides.GLUE.findall(slide.text) + slides.GLUE.findall(slide.notes)
    assert [
        k for k in keys if re.search(r"(?<!intro)_(conditional|full)$", k) and "pool" not in k
    ] == []
    # Nor is the wider interval told without the one that is published.
    least = [k for k in keys if k in ("worksheet_limits", "subgroups_young_neutral")]
    assert not least or {"contrasts.pfs.hazard_ratio.upper", "subgroups_young_printed"} & set(keys)


@pytest.mark.parametrize(
    ("result", "question"),
    [
        ("results.pfs.", "Progression-free survival"),
        ("contrasts.", "Progression-free survival"),
        ("worksheet_", "Is the interval wide enough?"),
        ("subgroups_", "The forest plot"),
        ("safety", "Which harm would matter to your patient?"),
    ],
)
def test_no_slide_shows_a_result_before_its_question(result, question):
    titles = [s.title for s in SOURCE]
    for slide in SOURCE[: titles.index(question) + 1]:
        assert not [k for k in slides.GLUE.findall(slide.text) if k.startswith(result)], slide.title
    exhibits = [s.exhibit or "" for s in SOURCE[: titles.index("Progression-free survival")]]
    assert not [e for e in exhibits if re.search("efficacy|safety|subgroups|comparison", e)]


def test_the_dagger_of_the_slides_leads_to_a_chapter():
    address = re.search(r"\((.+)\)", DAGGER)[1]
    assert (ROOT / "book" / address).resolve().with_suffix(".md").exists()


def test_there_are_about_twenty_and_each_has_notes():
    assert 18 <= len(SOURCE) <= 28
    assert len({s.title for s in SOURCE}) == len(SOURCE)
    assert all(len(s.notes.split()) >= 10 for s in SOURCE)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- title: [", "not YAML"),
        ("- title: A\n", "slide 1 > notes"),
        ("- {title: A, notes: B, figure: C}\n", "slide 1 > figure"),
        ("- {title: A, notes: B, evidence: certain}\n", "slide 1 > evidence"),
    ],
)
def test_a_fault_of_the_source_is_named_with_its_place(tmp_path, text, told):
    path = tmp_path / "slides.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(slides.SlidesError, match=re.escape(told)) as raised:
        slides.read(path)
    assert str(path) in str(raised.value) and "Mend" in str(raised.value)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"text": "{glue:text}`no.such.key`"}, "no.such.key"),
        ({"exhibit": "a/b#c"}, "no figure 'c'"),
    ],
)
def test_a_number_or_picture_that_no_chapter_has_is_named(tmp_path, more, told):
    slide = slides.Slide(title="A", notes="B", **more)
    with pytest.raises(slides.SlidesError, match=told):
        slides.render([slide], tmp_path, {})


def test_a_number_is_shown_as_the_chapter_glues_it(tmp_path):
    slide = slides.Slide(title="A", text="P = {glue:text}`p`", notes="B", evidence="published")
    html = slides.render([slide], tmp_path, {"p": "< .001"})
    assert "P = &lt; .001" in html and "evidence-published" in html


@pytest.mark.site
def test_the_pictures_are_the_very_files_of_the_chapters():
    html = (SITE / "slides" / "index.html").read_text(encoding="utf-8")
    for slide in SOURCE:
        if slide.exhibit:
            page, _, name = slide.exhibit.partition("#")
            chapter = (SITE / f"{page}.html").read_text(encoding="utf-8")
            assert f"_images/{name}.svg" in chapter
            assert f'src="../_images/{name}.svg"' in html


@pytest.mark.site
@pytest.mark.slow
def test_every_slide_fits_the_projector_and_can_be_read_from_the_last_row(open_page):
    page = open_page(SLIDES, viewport={"width": 1280, "height": 720})
    page.wait_for_function("window.Reveal?.isReady()")
    for number, slide in enumerate(SOURCE):
        page.evaluate("(i) => Reveal.slide(i)", number)
        found = page.evaluate(MEASURE)
        assert found["low"] <= found["foot"] and found["right"] <= 1280, slide.title
        assert found["least"] >= 24, slide.title
        assert found["loaded"], slide.title
        if slide.exhibit:
            svg = picture(slide)
            width = float(re.search(r'width="([\d.]+)pt"', svg)[1])
            drawn = min(float(s) for s in TEXT.findall(svg)), found["width"] / width
            assert 100 * drawn[0] * drawn[1] >= IN_PICTURES, (slide.title, drawn)
    assert page.errors == page.refused == []


@pytest.mark.site
@pytest.mark.parametrize(
    "slide", [s for s in SOURCE if s.bands != [("", "")]], ids=lambda s: s.title
)
def test_a_band_of_a_picture_cuts_no_word(slide):
    svg = picture(slide)
    height = float(re.search(r'height="([\d.]+)pt"', svg)[1])
    cuts = {y for pair in slide.bands for y in slides.edges(svg, *pair, height)} - {0, height}
    assert cuts
    for words, base, size in slides.lines(svg):
        top = base - 0.73 * size  # a capital letter's height
        assert not [y for y in cuts if top < y < base], (words, cuts)


def test_a_band_that_the_picture_does_not_have_is_named(tmp_path):
    (tmp_path / "a.svg").write_text('<svg width="72pt" height="36pt"></svg>', "utf-8")
    html = '<figure class="exhibit" id="c"><img src="a.svg" alt="x"><b class="evidence-derived">'
    (tmp_path / "b.html").write_text(f"{html}</b></figure>", "utf-8")
    slide = slides.Slide(title="A", notes="B", exhibit="b#c", bands=[("nowhere", "")])
    with pytest.raises(slides.SlidesError, match="no text 'nowhere'"):
        slides.render([slide], tmp_path, {})


@pytest.mark.site
@pytest.mark.slow
def test_without_scripts_the_slides_are_a_page_to_scroll(open_page):
    page = open_page(SLIDES, java_script_enabled=False)
    assert page.get_by_text(SOURCE[-1].title).is_visible()
    assert page.evaluate("document.documentElement.scrollHeight") > 3000


@pytest.mark.site
@pytest.mark.slow
def test_on_a_phone_the_slides_are_a_page_to_scroll_without_the_notes(open_page):
    page = open_page(SLIDES, viewport={"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollHeight > 3000")
    headings = page.get_by_role("heading").evaluate_all(
        "all => all.filter((e) => e.checkVisibility()).map((e) => e.textContent.trim())"
    )
    assert {s.title for s in SOURCE} <= set(headings)
    assert not page.locator("aside.notes").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sizes = page.locator(".body p, .body li, .foot").evaluate_all(
        "all => all.map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 16
    page.set_viewport_size({"width": 844, "height": 390})  # turned
    page.wait_for_function("window.Reveal?.isReady()")


@pytest.mark.site
@pytest.mark.slow
def test_the_speaker_sees_notes_next_slide_and_time_without_a_network(open_page):
    page = open_page(SLIDES, viewport={"width": 1280, "height": 720}, offline=True)
    page.wait_for_function("window.Reveal?.isReady()")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    speaker = opened.value
    speaker.wait_for_selector("iframe >> nth=1")
    speaker.get_by_text(SOURCE[0].notes.split(":")[0]).wait_for()
    for frame in speaker.frames[1:]:
        frame.wait_for_function("window.Reveal?.isReady()")
    assert re.match(r"00:0\d:", speaker.locator(".timer").inner_text())
    speaker.keyboard.press("ArrowRight")
    page.wait_for_function("window.Reveal?.getIndices()?.h === 1")
    # Asked after a step: on a slow machine the first state can reach the second frame too early.
    shown = [frame.locator("section.present :is(h1, h2)") for frame in speaker.frames[1:]]
    for heading, slide in zip(shown, SOURCE[1:3], strict=True):
        heading.get_by_text(slide.title, exact=True).wait_for()
    speaker.get_by_text(SOURCE[1].notes.split(".")[0]).wait_for()
