"""Every page in a real browser: wide and narrow, light and dark, without errors or strangers."""

import json
from pathlib import Path

import pytest

from palmira.browser import first_visit

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = {1280: 800, 390: 844}
MODES = ("light", "dark")
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


def pages():
    ours = [p for folder in ("notebooks", "book") for p in sorted((SITE / folder).glob("*.html"))]
    return [p.relative_to(SITE).as_posix() for p in ours] + ["search.html", "genindex.html"]


def opened(browser, site, page, width=1280, mode="light"):
    """A page in a context of its own, and what it asked for and complained of."""
    context = browser.new_context(
        viewport={"width": width, "height": SIZES[width]},
        color_scheme=mode,
        reduced_motion="reduce",
    )
    tab, asked, complaints = context.new_page(), [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    tab.goto(f"{site}/{page}", wait_until="load")
    return tab, asked, complaints


def violations(tab):
    tab.evaluate(AXE.read_text("utf-8"))
    found = tab.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: "
        "['violations']}).then(r => r.violations.map(v => [v.id, v.nodes.slice(0, 4).map("
        "n => n.target.join(' ') + ': ' + n.failureSummary)]))", RULES)  # fmt: skip
    return found


@pytest.mark.parametrize("page", pages())
def test_a_page_stands_in_every_width_and_mode(browser, site, page):
    for width in SIZES:
        for mode in MODES:
            tab, asked, complaints = opened(browser, site, page, width, mode)
            where = (page, width, mode)
            assert tab.evaluate("document.documentElement.dataset.theme") == mode, where
            assert complaints == [], where
            assert [url for url in asked if not url.startswith((site, "data:"))] == [], where
            wide = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, (*where, wide)
            nameless = "[...document.images].filter(i => !i.alt.trim()).map(i => i.src)"
            assert tab.evaluate(nameless) == [], where
            assert tab.evaluate(UNCLEAR) == [], where
            if (width, mode) in ((1280, "light"), (390, "dark")):
                assert violations(tab) == [], where
            tab.context.close()


def test_no_text_of_a_picture_is_cut_or_lies_over_another(browser):
    pictures, tab = sorted((SITE / "_images").glob("*.svg")), browser.new_page()
    assert len(pictures) > 50
    spoiled = {}
    for picture in pictures:
        tab.goto(picture.as_uri())
        spoiled[picture.stem] = tab.evaluate(SPOILED)
    assert not {name: found for name, found in spoiled.items() if found}


@pytest.mark.parametrize("page", ["baseline", "design", "ledger"])
def test_on_a_phone_a_table_says_that_it_slides_if_it_does(browser, site, page):
    tab, _, _ = opened(browser, site, f"notebooks/{page}.html", 390)
    tables = tab.evaluate(
        "[...document.querySelectorAll('table.exhibit')].filter(t => t.offsetParent).map(t => {"
        "const box = t.closest('.pst-scrollable-table-container');"
        "const said = getComputedStyle(t.caption, '::after').maxHeight !== '0px';"
        "return [box.scrollWidth > box.clientWidth, said]})")  # fmt: skip
    assert tables and all(slides == said for slides, said in tables)
    tab.context.close()


def test_the_darkest_and_widest_home_page_has_no_violation_either(browser, site):
    for width, mode in ((1280, "dark"), (390, "light")):
        tab, _, _ = opened(browser, site, HOME, width, mode)
        assert violations(tab) == []
        tab.context.close()


@pytest.mark.parametrize("page", pages())
def test_a_first_visit_is_light(browser, site, page):
    total = first_visit(browser, SITE, site, page)
    if Path(page).stem not in EXPLORING:
        assert total < (LIGHTEST if page == HOME else LIGHT), (page, total)


@pytest.mark.parametrize("word", ["neutropenia", "Knapp"])
def test_the_search_finds(browser, site, word):
    tab, _, complaints = opened(browser, site, f"search.html?q={word}")
    tab.wait_for_selector("#search-results li a", timeout=15_000)
    assert complaints == []
    assert tab.locator("#search-results li").count() > 1
    tab.context.close()


def test_code_unfolds_and_folds(browser, site):
    tab, _, _ = opened(browser, site, "notebooks/efficacy.html")
    fold = tab.locator("details.hide").first
    code = fold.locator("pre").first
    assert not code.is_visible()
    fold.locator("summary").click()
    assert code.is_visible()
    fold.locator("summary").click()
    assert not code.is_visible()
    tab.context.close()


def test_downloads_arrive_and_open(browser, site):
    tab, _, _ = opened(browser, site, "notebooks/efficacy.html")
    with tab.expect_download() as waiting:
        tab.locator("a.download:has-text('CSV')").first.click()
    text = Path(waiting.value.path()).read_text("utf-8")
    assert "," in text.splitlines()[0] and len(text.splitlines()) > 1
    with tab.expect_download() as waiting:
        tab.locator(".dropdown-download-buttons button").first.click()
        tab.locator("a.btn-download-notebook-button").first.click()
    notebook = json.loads(Path(waiting.value.path()).read_text("utf-8"))
    assert any(c.get("outputs") for c in notebook["cells"])
    tab.context.close()


def test_the_home_page_is_walked_by_keyboard(browser, site):
    tab, _, _ = opened(browser, site, HOME)
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
    tab.context.close()


def test_a_chapter_is_read_by_keyboard(browser, site):
    tab, _, complaints = opened(browser, site, "notebooks/efficacy.html")

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
    assert complaints == []
    tab.context.close()
