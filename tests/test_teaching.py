"""The journal-club kit: every answer stands on printed numbers, every script fits its time."""

import re
from fnmatch import fnmatch
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from test_chapters import CHAPTERS, prose, typed_numbers

from palmira.audit import QUICK, audit
from palmira.readings.findings import BACKGROUND
from palmira.readings.ledger import ledger
from palmira.readings.three_readings import reading
from palmira.record import comparators
from palmira.record.schema import RecordError
from palmira.teaching.appraisal import APPRAISAL, ITEMS, MEANINGS, appraisal
from palmira.teaching.club import (
    DAGGER,
    QUESTIONS,
    SCRIPTS,
    SLOT,
    computed,
    fill,
    question_text,
    questions,
    script_text,
    scripts,
)

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
GUIDE, PRE_READING, WORKSHEET = (
    ROOT / "notebooks" / f"{n}.md" for n in ("journal-club", "pre-reading", "worksheet")
)


@pytest.fixture(scope="module")
def asked(palmira):
    return questions(palmira)


@pytest.fixture(scope="module")
def entries(palmira):
    return ledger(palmira, comparators())


@pytest.fixture
def changed(tmp_path):
    """One of the files with one string replaced."""

    def change(path: Path, old: str, new: str) -> Path:
        text = path.read_text(encoding="utf-8")
        assert text.count(old) >= 1
        copy = tmp_path / path.name
        copy.write_text(text.replace(old, new, 1), encoding="utf-8")
        return copy

    return change


def said(path: Path) -> list[str]:
    """Every text of a data file, without its slots and roles."""

    def texts(node: object) -> list[str]:
        if isinstance(node, dict):
            return [t for k, v in node.items() if k not in ("item", "place") for t in texts(v)]
        if isinstance(node, list):
            return [t for v in node for t in texts(v)]
        return [node] if isinstance(node, str) else []

    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    for question in data.get("questions", []):
        for key in ("rests_on", "settled_by", "read"):
            question.pop(key)
    return [re.sub(r"\{\w+\}`[^`]*`", "", SLOT.sub("", t)) for t in texts(data)]


def exhibits() -> set[str]:
    return {n for c in CHAPTERS for n in re.findall(r'name="([\w-]+)"', c.read_text("utf-8"))}


def labels() -> set[str]:
    pages = [*CHAPTERS, *(ROOT / "book").glob("*.md")]
    return {n for p in pages for n in re.findall(r"^\((.+)\)=$", p.read_text("utf-8"), re.M)}


def test_every_answer_rests_on_numbers_that_the_ledger_holds(asked, entries):
    known = {e.id for e in entries}
    for question in asked.values():
        assert question.rests_on and set(question.rests_on) <= known, question.id


def test_every_number_that_an_answer_rests_on_is_one_that_it_shows(asked):
    for q in asked.values():
        shown = {id for id, _ in q.slots}
        whole = {id for id, kind in q.slots if kind in ("printed", "least")}
        idle = [i for i in q.rests_on if i not in shown and i.rpartition(".")[0] not in whole]
        assert idle == [], q.id


@pytest.mark.parametrize("path", [QUESTIONS, SCRIPTS, APPRAISAL], ids=lambda p: p.stem)
def test_no_number_is_typed_in_a_text_of_the_kit(path):
    texts = said(path)
    assert len(texts) > 20
    assert [w for t in texts for w in typed_numbers(t)] == []


def test_a_number_in_an_answer_follows_the_record(asked, entries, palmira, reprinted):
    other = reprinted(palmira, results__pfs__median__palbociclib__estimate="5.9")
    text = question_text(asked["curves"], other, entries)
    assert "medians are 5.9 and 3.6 months" in text and "gap of 2.3 months" in text


def own_ratios(record):
    """Cells of the hazard ratios that the trial reports of itself."""
    return {
        e.cell
        for e in record.entries.values()
        if e.measure == "hazard ratio" and e.part == "estimate" and not e.quotes
    }


def test_a_hazard_ratio_in_an_answer_stands_as_published_and_leads_to_the_width_of_its_interval(
    asked, palmira
):
    ratios, ours, quoted = own_ratios(palmira), 0, 0
    for question in asked.values():
        whole = {id for id, kind in question.slots if kind == "printed"}
        for id, kind in question.slots:
            own = id in ratios or id.rpartition(".")[0] in ratios
            if own and not id.endswith(".p"):
                assert kind == "printed" or (kind == "least" and id in whole), (question.id, id)
            if kind == "printed" and palmira[f"{id}.estimate"].measure == "hazard ratio":
                assert (DAGGER in fill(f"{{{id}=printed}}", palmira, ())) == own, id
                ours, quoted = ours + own, quoted + (not own)
    assert ours >= 8 and quoted >= 3


@pytest.mark.parametrize("id", ["scale", "practice", "clocks", "subgroups"])
def test_no_answer_tells_a_hazard_ratio_on_another_scale(id, asked, palmira, entries):
    text = question_text(asked[id], palmira, entries)
    told = [c for c in own_ratios(palmira) if f"{palmira[f'{c}.estimate']}{DAGGER}" in text]
    assert told
    for cell in told:
        assert reading(palmira, cell).texts["conditional"] not in text.replace(DAGGER, "")


def test_what_the_answers_say_of_the_least_intervals_holds(asked, palmira):
    told = [id for q in asked.values() for id, kind in q.slots if kind == "least"]
    assert set(told) == {"contrasts.pfs.hazard_ratio", "figure3.age.lt65.hazard_ratio"}
    for cell in told:
        assert (
            reading(palmira, cell).ways.neutral.lower
            < 1
            < reading(palmira, cell).ways.neutral.upper
        )


def test_slots_are_filled_with_print_readings_and_what_the_ledger_computes(palmira, entries):
    ratio = "contrasts.pfs.hazard_ratio"
    assert fill("{results.pfs.events.et.count} events", palmira, ()) == "51 events"
    printed = fill(f"{{{ratio}=printed}}", palmira, ())
    assert printed == "0.84{ref}`†<interval-width>` (95% CI 0.66 to 1.07)"
    assert fill(f"{{{ratio}=least}}", palmira, ()) == "0.60 to 1.17"
    assert fill("{discussion.maintain.hazard_ratio=printed}", palmira, ()).startswith("0.57 (95% ")
    six = "contrasts.pfs.difference_6"
    assert fill(f"{{{six}=printed}}", palmira, ()) == "13.1 (95% CI −1.6 to 27.7)"
    assert fill("{discussion.maintain.hazard_ratio.upper=recomputed}", palmira, entries) == "0.85"
    assert fill("{ref}`efficacy` and {least_se}", palmira, ()) == "{ref}`efficacy` and 0.170"
    for slot in ("{nobody.knows}", "{nobody}", f"{{{ratio}=backwards}}"):
        with pytest.raises(KeyError):
            fill(slot, palmira, ())


def test_few_patients_were_censored_off_treatment(palmira):
    found = computed(palmira)
    assert int(found["censored_early_palbociclib"]) == 136 - 107 - 24
    assert int(found["censored_early_et"]) == 62 - 51 - 8


def test_every_answer_has_two_wrong_ones_and_exhibits_that_exist(asked):
    there, known = exhibits(), labels()
    assert len(asked) >= 10
    for q in asked.values():
        assert len(q.wrong) >= 2
        assert set(q.settled_by) <= there and set(q.read) <= known, q.id


def test_every_question_has_its_heading_and_label_in_the_guide_in_the_same_order(asked):
    text = GUIDE.read_text(encoding="utf-8")
    found = re.findall(
        r'^\(question-(\w+)\)=\n### (.+)\n\n```.*\n.*\n+say\(texts\["(\w+)"\]\)', text, re.M
    )
    assert found == [(id, q.topic, id) for id, q in asked.items()]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "contrasts.cbr.odds_ratio.p\n",
            "contrasts.cbr.odds_ratio.q\n",
            "question response: rests",
        ),
        ("      - results.pfs.events.et.count\n", "", "question scale: the answer uses"),
        ("id: curves", "id: scale", "question scale: the id occurs twice"),
        ("topic: Curves that meet", "topic: ''", "question curves topic: empty"),
        ("    topic: The price", "    subject: The price", "question safety"),
        ("questions:", "question:", "questions: missing"),
    ],
)
def test_a_question_that_cannot_be_used_is_refused_with_file_entry_and_mend(
    palmira, changed, old, new, message
):
    path = changed(QUESTIONS, old, new)
    with pytest.raises(RecordError) as error:
        questions(palmira, path)
    assert str(error.value).startswith(f"{path}: {message}") and "Mend:" in str(error.value)


def test_the_times_of_each_script_add_up(asked):
    found = scripts(asked)
    assert found.lengths == [30, 45, 60]
    for length in found.lengths:
        minutes = [s.minutes[length] for s in found.steps if length in s.minutes]
        assert sum(minutes) == length and min(minutes) >= 3
        assert length in found.steps[0].minutes and length in found.steps[-1].minutes


def test_the_longest_script_asks_every_question_and_a_longer_one_all_of_a_shorter(asked):
    found = scripts(asked)
    by_length = [
        {q for s in found.steps if n in s.minutes for q in s.ask} for n in sorted(found.lengths)
    ]
    assert by_length[0] < by_length[1] < by_length[2] == set(asked)


def test_a_script_shows_running_minutes_that_end_with_its_length(asked):
    text = script_text(scripts(asked), {id: q.topic for id, q in asked.items()})
    for length, tab in zip((30, 45, 60), text.split("tab-item} ")[1:], strict=True):
        times = [tuple(map(int, t)) for t in re.findall(r"^\* - (\d+) to (\d+)$", tab, re.M)]
        assert times[0][0] == 0 and times[-1][1] == length
        assert all(a[1] == b[0] for a, b in pairwise(times))


def test_a_script_opens_only_what_there_is(asked):
    for step in scripts(asked).steps:
        targets = re.findall(r"\{(?:numref|ref)\}`([\w-]+)`", step.open)
        assert targets and set(targets) <= exhibits() | labels(), step.title


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("30: 7, 45: 8", "30: 7, 45: 9", "the script of 45 minutes adds up to 46"),
        ("ask: [curves]", "ask: [curfew]", "step 'Medians, rates, curves' asks ['curfew']"),
        ("{30: 3, 45: 3, 60: 4}", "{30: 3, 45: 3, 60: 0}", "step Before the result minutes 60"),
    ],
)
def test_a_script_that_cannot_be_used_is_refused(asked, changed, old, new, message):
    path = changed(SCRIPTS, old, new)
    with pytest.raises(RecordError) as error:
        scripts(asked, path)
    assert str(path) in str(error.value) and message in str(error.value)
    assert "Mend:" in str(error.value)


def test_the_appraisal_holds_every_item_of_consort_2025_once_and_in_order():
    found = appraisal()
    assert tuple(i.item for i in found.consort) == ITEMS
    assert len({re.sub(r"\D", "", i) for i in ITEMS}) == 30
    assert {i.told for i in found.consort} <= set(MEANINGS)


@pytest.mark.site
def test_the_page_counts_the_items_by_how_far_the_article_answers_them(shown, said):
    answered = shown["appraisal-consort"].data["Answered"].value_counts()
    assert answered.sum() == int(said["appraisal_items"]) == len(ITEMS)
    for told in MEANINGS:
        assert said[f"appraisal_{told.replace(' ', '_')}"] == str(answered.get(told, 0)), told


def test_an_item_names_its_place_where_it_is_answered_and_what_is_missing_where_it_is_not():
    for item in appraisal().consort:
        assert (item.place is None) == (item.told in ("no", "not applicable")) or item.item == "24b"
        assert item.missing or item.told == "yes", item.item


def test_the_bias_domains_are_five_and_what_the_chapter_says_of_them_holds():
    found = appraisal()
    *domains, overall = found.bias
    assert len(domains) == 5 and all(d.why for d in found.bias)
    assert [d.judgment for d in domains].count("some concerns") == 3
    assert "high" not in {d.judgment for d in found.bias} and overall.judgment == "some concerns"
    assert found.outcomes["Progression-free survival"] == [d.judgment for d in domains]
    assert {len(j) for j in found.outcomes.values()} == {5}
    assert [a.told for a in found.estimand].count("yes") == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("item: 1b", "item: 1c", "item 1c is unknown"),
        ("place: Abstract,", "place: Appendix,", "'Appendix' is no section"),
        ("told: in part", "told: partly", "told"),
    ],
)
def test_an_appraisal_that_cannot_be_used_is_refused(changed, old, new, message):
    path = changed(APPRAISAL, old, new)
    with pytest.raises(RecordError) as error:
        appraisal(path)
    assert str(path) in str(error.value) and message in str(error.value)
    assert "Mend:" in str(error.value)


@pytest.mark.site
def test_the_tables_of_the_appraisal_hold_every_entry_and_fill_every_slot(shown):
    found = appraisal()
    lengths = {
        "appraisal-consort": len(found.consort),
        "appraisal-bias": len(found.bias),
        "appraisal-outcomes": len(found.outcomes),
        "appraisal-estimand": len(found.estimand),
    }
    for name, length in lengths.items():
        table = shown[name].table
        assert len(table) == len(shown[name].data) == length
        cells = table.drop(columns="group").to_numpy().ravel()
        assert not [c for c in cells if "{" in c or "nan" in c.split() or not c]
    data = shown["appraisal-consort"].data
    assert list(data["Item"]) == [f"{i.item}. {i.topic}" for i in found.consort]
    assert (data["Where in the paper"] == "–").sum() == sum(i.place is None for i in found.consort)
    judged = shown["appraisal-outcomes"].data.set_index("Outcome")
    for outcome, judgments in found.outcomes.items():
        assert judged.loc[outcome].tolist() == judgments
    assert list(judged.columns) == [d.domain for d in found.bias[:-1]]


@pytest.mark.site
def test_the_page_counts_the_patients_censored_off_treatment_as_the_questions_do(said, palmira):
    for arm in ("palbociclib", "et"):
        told = computed(palmira)[f"censored_early_{arm}"]
        assert said[f"appraisal_censored_early_{arm}"] == told


def rows(text: str, kind: str) -> list[str]:
    """Prompts of the worksheet's tables of one class, in their order."""
    found = re.findall(rf":class: {kind}\n.*?\n\n(.*?)\n:::", text, re.S)
    return [prompt for table in found for prompt in re.findall(r"^\* - (.+)$", table, re.M)]


def test_the_key_answers_every_prompt_of_the_worksheet():
    text = WORKSHEET.read_text(encoding="utf-8")
    blank, key = rows(text, "worksheet"), rows(text, "worksheet-key")
    assert blank == key and len(blank) >= 16
    answers = re.findall(r"^  - ?(.*)$", text, re.M)
    assert [a for a in answers[: len(blank)] if a] == []
    assert all(len(a.split()) >= 6 for a in answers[len(blank) :])
    assert text.count("{dropdown}") == 1


def test_the_pre_reading_is_one_page_and_does_not_give_the_result_away():
    page = prose(PRE_READING)
    assert 200 < len(page.split()) < 350
    text = PRE_READING.read_text("utf-8")
    glued = re.findall(r"glue:text\}`([^`]+)`", text)
    assert glued and not [
        g for g in glued if g.startswith(("results.pfs.m", "results.pfs.r", "contrasts", "safety"))
    ]
    assert "{dropdown}" not in text and "show(" not in text


@pytest.mark.site
def test_the_pre_reading_shows_no_printed_result(palmira):
    text = (SITE / "notebooks" / "pre-reading.html").read_text(encoding="utf-8")
    article = text.split("<article", 1)[1].split("</article>")[0]
    seen = set(re.findall(r"(?<![\w.])\d[\d.]*\d(?![\w.])", re.sub("<[^>]+>", " ", article)))
    results = (
        "results.pfs.median.*",
        "results.pfs.rate_*",
        "contrasts.*.estimate",
        "contrasts.*.p",
    )
    printed = {e.text for e in palmira.entries.values() if any(fnmatch(e.id, r) for r in results)}
    assert len(printed) > 10 and seen and not seen & printed
    assert palmira["results.randomized.total.count"].text in seen


@pytest.mark.site
def test_what_the_audit_of_the_other_record_finds_stands_on_the_page(shown, said):
    found = shown["club-audit"]
    maintain = comparators()["maintain"]
    worth = ("impossible", "inconsistent", "information", "rounding")
    checks = [
        c for c in audit(maintain, only=QUICK) if c.verdict in worth and c.id not in BACKGROUND
    ]
    assert len(checks) == len(found.data) and set(found.data["check"]) == {c.id for c in checks}
    assert set(found.table["group"]) == {maintain.trial}
    assert int(said["club_comparisons"]) == len(audit(maintain, only=QUICK))


@pytest.mark.site
def test_the_slip_of_the_limit_is_found_by_the_middle_of_the_interval(shown, said):
    slip = shown["club-slip"]
    assert {"C1", "C2"} >= set(slip.data["check"]) and len(slip.data)
    assert any(said["club_other"] in text for text in slip.data["printed"].astype(str))
    assert not any(said["club_other"] in t for t in shown["club-audit"].data["printed"].astype(str))


class _Links(HTMLParser):
    """Address and words of each link."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[list[str]] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.links.append([dict(attributes).get("href") or "", ""])
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "a"

    def handle_data(self, data):
        if self.inside:
            self.links[-1][1] += data


def links(page: Path) -> dict[str, str]:
    article = page.read_text(encoding="utf-8").split("<article", 1)[1].split("</article>")[0]
    return {" ".join(words.split()): address for address, words in _Links(article).links}


@pytest.mark.site
def test_the_first_question_is_two_clicks_from_the_home_page(asked):
    guide = links(SITE / "notebooks" / "intro.html")["Run a journal club"]
    assert guide.split("#")[0] == "journal-club.html"
    first = links(SITE / "notebooks" / "journal-club.html")["Go to the first question"]
    assert first == f"#question-{next(iter(asked))}"
    assert f'id="{first[1:]}"' in (SITE / "notebooks" / "journal-club.html").read_text("utf-8")


@pytest.mark.site
def test_answers_and_key_are_folded_until_asked_for(asked):
    for name, number in (("journal-club", len(asked)), ("worksheet", 1)):
        text = (SITE / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
        folded = re.findall(r'<details class="sd-[^"]*"([^>]*)>', text)
        assert len(folded) == number and not [f for f in folded if "open" in f]


@pytest.mark.site
def test_no_slot_is_left_on_the_pages():
    for name in ("journal-club", "pre-reading", "appraisal", "worksheet"):
        text = (SITE / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
        article = text.split("<article", 1)[1].split("</article>")[0]
        assert not re.findall(
            r"\{[a-z0-9_.]+(?:=\w+)?\}", re.sub(r"<pre>.*?</pre>", "", article, flags=re.S)
        )


@pytest.mark.slow
@pytest.mark.site
def test_the_worksheet_prints_on_two_a4_pages_with_nothing_else(open_page):
    page = open_page((SITE / "notebooks" / "worksheet.html").as_uri())
    sheets = page.pdf(prefer_css_page_size=True)
    page.emulate_media(media="print")
    shown = page.inner_text("body")
    assert len(re.findall(rb"/Type\s*/Page\b", sheets)) == 2
    assert set(re.findall(rb"/MediaBox\s*\[0 0 (\d+)[.\d]* (\d+)", sheets)) == {(b"594", b"841")}
    assert shown.split()[:2] == ["Worksheet", "Question"]
    assert (
        "Applicability" in shown and "What we learned" not in shown and "key" not in shown.split()
    )
