"""Every page in a real browser: wide and narrow, light and dark, without errors or strangers."""

import json
from pathlib import Path

import pytest

from palmira.site.browser import weight

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = {1280: 800, 390: 844}
# One is left for the next by one change of the window or of the mode.
COMBINATIONS = ((1280, "light"), (1280, "dark"), (390, "dark"), (390, "light"))
EXAMINED = ((1280, "light"), (390, "dark"))  # by axe, which is slow; the first page in all
HOME = "notebooks/intro.html"
# Bytes of a first visit as a static host sends them, compressed.
LIGHTEST, LIGHT = 500_000, 900_000
EXPLORING = {"explorers"}
# Tables without a caption, or a heading just above; header cells that do not say what they head.
UNCLEAR = """[...document.querySelectorAll("main table:not(.indextable)")].filter(t => {
  const box = t.closest(".pst-scrollable-table-container") || t;
  const above = box.previousElementSibling;
  const headed = t.caption || above?.matches("h2, h3, h4") || above?.matches(":has(> strong)");
  return !headed || [...t.querySelectorAll("th")].some(h => !h.scope) || !t.querySelector("th");
}).map(t => t.textContent.trim().slice(0, 60))"""

# The theme follows the mode, and what slides becomes a stop of the keyboard: a moment after each
# change. Colors that change over are brought to their end, for those of what is folded never are.
SETTLED = """([width, mode]) => {
  document.getAnimations().filter(a => a instanceof CSSTransition).forEach(a => a.finish());
  const sliding = "pre, .cell_output > .output, .pst-scrollable-table-container";
  return window.innerWidth === width && document.documentElement.dataset.theme === mode
    && [...document.querySelectorAll(sliding)].every(e => e.tabIndex === 0 || Math.max(
      e.scrollWidth - e.clientWidth, e.scrollHeight - e.clientHeight) < 13);
}"""

SOURCE = "_modules/palmira/statistics/pooling.html"
# Texts of a picture that its edge cuts, and pairs of them of which one lies over the other.
SPOILED = """() => {
  const frame = document.documentElement.getBoundingClientRect();
  const texts = [...document.querySelectorAll("g[id^=text_]")].map(g => ({
    words: [...g.childNodes].filter(n => n.nodeType === 8).map(n => n.data.trim()).join(" "),
    box: g.getBoundingClientRect()})).filter(t => t.box.width);
  const cut = texts.filter(({box}) => box.left < frame.left || box.right > frame.right
    || box.top < frame.top || box.bottom > frame.bottom).map(t => t.words);
  const over = texts.flatMap((a, i) => texts.slice(i + 1).filter(b =>
    Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left) > 1 &&
    Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top) > 1
  ).map(b => [a.words, b.words]));
  return [...cut, ...over];
}"""
# What axe finds, each with the first places.
VIOLATIONS = """rules => axe.run(document, {
    runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']
}).then(r => r.violations.map(v => [
    v.id, v.nodes.slice(0, 4).map(n => n.target.join(' ') + ': ' + n.failureSummary)
]))"""
# Of each table on the page whether it is wider than its box, and whether it says so.
SLIDING = """[...document.querySelectorAll('table.exhibit')].filter(t => t.offsetParent).map(t => {
    const box = t.closest('.pst-scrollable-table-container');
    const said = getComputedStyle(t.caption, '::after').maxHeight !== '0px';
    return [box.scrollWidth > box.clientWidth, said]
})"""

pytestmark = [pytest.mark.slow, pytest.mark.site]


def pages():
    ours = [p for folder in ("notebooks", "book") for p in sorted((SITE / folder).glob("*.html"))]
    found = [p.relative_to(SITE).as_posix() for p in ours]
    return [*found, "search.html", "genindex.html", SOURCE]


@pytest.fixture
def opened(open_page, site):
    """Opens a page of the site in a window of a width and a mode."""

    def open_(page, width=1280, mode="light"):
        size = {"width": width, "height": SIZES[width]}
        options = {"viewport": size, "color_scheme": mode, "reduced_motion": "reduce"}
        return open_page(f"{site}/{page}", **options)

    return open_


def violations(tab):
    """What axe finds; it stays in the page for the next time."""
    if tab.evaluate("typeof axe") == "undefined":
        tab.evaluate(AXE.read_text("utf-8"))
    return tab.evaluate(VIOLATIONS, RULES)


@pytest.mark.parametrize("page", pages())
def test_a_page_stands_in_every_width_and_mode_and_is_light(opened, site, page):
    tab = opened(page)
    for width, mode in COMBINATIONS:
        where = (page, width, mode)
        tab.set_viewport_size({"width": width, "height": SIZES[width]})
        tab.emulate_media(color_scheme=mode)
        tab.wait_for_function(SETTLED, arg=[width, mode])
        wide = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, (*where, wide)
        nameless = "[...document.images].filter(i => !i.alt.trim()).map(i => i.src)"
        assert tab.evaluate(nameless) == [], where
        assert tab.evaluate(UNCLEAR) == [], where
        if (width, mode) in EXAMINED or page == HOME:
            assert violations(tab) == [], where
        assert (tab.errors, tab.refused) == ([], []), where
    tab.wait_for_load_state("networkidle")
    if Path(page).stem not in EXPLORING:
        total = weight(SITE, site, tab.asked)
        assert total < (LIGHTEST if page == HOME else LIGHT), (page, total)


def test_no_text_of_a_picture_is_cut_or_lies_over_another(browser):
    pictures, tab = sorted((SITE / "_images").glob("*.svg")), browser.new_page()
    assert len(pictures) > 50
    spoiled = {}
    for picture in pictures:
        tab.goto(picture.as_uri())
        spoiled[picture.stem] = tab.evaluate(SPOILED)
    assert not {name: found for name, found in spoiled.items() if found}


@pytest.mark.parametrize("page", ["baseline", "design", "ledger"])
def test_on_a_phone_a_table_says_that_it_slides_if_it_does(opened, page):
    tab = opened(f"notebooks/{page}.html", 390)
    tables = tab.evaluate(SLIDING)
    assert tables and all(slides == said for slides, said in tables)


@pytest.mark.parametrize("word", ["neutropenia", "Knapp"])
def test_the_search_finds(opened, word):
    tab = opened(f"search.html?q={word}")
    tab.wait_for_selector("#search-results li a")
    assert tab.errors == []
    assert tab.locator("#search-results li").count() > 1


def test_code_unfolds_and_folds(opened):
    tab = opened("notebooks/efficacy.html")
    fold = tab.locator("details.hide").first
    code = fold.locator("pre").first
    assert not code.is_visible()
    fold.locator("summary").click()
    assert code.is_visible()
    fold.locator("summary").click()
    assert not code.is_visible()


def test_downloads_arrive_and_open(opened):
    tab = opened("notebooks/efficacy.html")
    with tab.expect_download() as waiting:
        tab.locator("a.download:has-text('CSV')").first.click()
    text = Path(waiting.value.path()).read_text("utf-8")
    assert "," in text.splitlines()[0] and len(text.splitlines()) > 1
    with tab.expect_download() as waiting:
        tab.locator(".dropdown-download-buttons button").first.click()
        tab.locator("a.btn-download-notebook-button").first.click()
    notebook = json.loads(Path(waiting.value.path()).read_text("utf-8"))
    assert any(c.get("outputs") for c in notebook["cells"])


def test_the_home_page_is_walked_by_keyboard(opened):
    tab = opened(HOME)
    tab.keyboard.press("Tab")
    assert "main content" in tab.evaluate("document.activeElement.textContent").lower()
    seen = []
    for _ in range(120):
        tab.keyboard.press("Tab")
        link = tab.evaluate("document.activeElement.href || ''")
        seen.append(link)
        if link.endswith("/efficacy.html"):
            tab.keyboard.press("Enter")
            break
    tab.wait_for_url("**/efficacy.html")
    outlined = "getComputedStyle(document.activeElement).outlineStyle"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    assert tab.evaluate(outlined) != "none"


def test_a_chapter_is_read_by_keyboard(opened):
    tab = opened("notebooks/efficacy.html")

    def tab_to(selector):
        for _ in range(200):
            tab.keyboard.press("Tab")
            if tab.evaluate("s => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(selector)

    tab_to("main details.hide > summary")
    code = tab.locator("details.hide").first.locator("pre").first
    tab.keyboard.press("Enter")
    assert code.is_visible()
    tab.keyboard.press("Enter")
    assert not code.is_visible()
    tab_to("main a.download")
    with tab.expect_download() as waiting:
        tab.keyboard.press("Enter")
    assert waiting.value.suggested_filename.endswith(".csv")
    tab_to("main a[href*='glossary']")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/glossary.html#*")
    assert tab.errors == []
