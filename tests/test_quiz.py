"""The quiz: every question rests on the ledger; one at a time is answered, then explained."""

import re
from collections import Counter

import pytest
import yaml
from test_chapters import typed_numbers

from palmira.readings.ledger import ledger, on_twins
from palmira.readings.three_readings import reading
from palmira.record import comparators
from palmira.record.schema import RecordError
from palmira.teaching.quiz import BLANK, KINDS, QUIZ, questions
from palmira.twin.adam.store import committed

PAGE = "notebooks/quiz.html"


@pytest.fixture(scope="module")
def entries(palmira):
    others = comparators()
    return ledger(palmira, others, on_twins(palmira, committed(palmira.trial), others))


@pytest.fixture(scope="module")
def asked(palmira, entries):
    return [a.question for a in questions(palmira, entries)]


@pytest.fixture
def spoiled(palmira, entries, tmp_path):
    """The message for the quiz with one string replaced."""

    def spoil(old, new):
        text = QUIZ.read_text(encoding="utf-8")
        assert text.count(old) >= 1
        path = tmp_path / "quiz.yaml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(RecordError) as error:
            questions(palmira, entries, path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
        return str(error.value)

    return spoil


def texts() -> list[str]:
    """Question, options and reasons as they stand in the file."""
    found = []
    for q in yaml.safe_load(QUIZ.read_text(encoding="utf-8"))["questions"]:
        found += [q["question"], *(t for o in q["options"] for t in (o["text"], o["why"]))]
    return found


def test_each_question_names_entries_of_the_ledger(asked, entries):
    known = {e.id for e in entries}
    assert len(asked) >= 16
    for question in asked:
        assert question.entries and set(question.entries) <= known


def test_half_of_the_questions_are_on_clinical_interpretation(asked):
    kinds = Counter(q.kind for q in asked)
    assert set(kinds) == set(KINDS) and kinds["clinical"] * 2 >= len(asked)


def test_no_number_of_the_quiz_is_typed():
    assert [t for t in texts() if typed_numbers(BLANK.sub("", t))] == []


def test_every_number_is_the_ledgers_own(asked, entries):
    ledgers, raw = {e.id: e for e in entries}, iter(texts())
    plain = 0
    for question in asked:
        for text in (question.question, *(t for o in question.options for t in (o.text, o.why))):
            source = next(raw)
            for id, kind in BLANK.findall(source):
                if not kind:
                    assert ledgers[id].printed.replace("-", "−") in text
                    plain += 1
    assert plain > 40


def test_a_ratio_of_the_trial_stands_as_published_and_its_least_interval_beside_it(asked, palmira):
    least = 0
    for q in yaml.safe_load(QUIZ.read_text(encoding="utf-8"))["questions"]:
        whole = " ".join([q["question"], *(f"{o['text']} {o['why']}" for o in q["options"])])
        for ratio in re.findall(r"\{([\w.]+)\|least\}", whole):
            assert f"{{{ratio}|printed}}" in whole, q["id"]
            least += 1
    assert least >= 5
    told = " ".join(
        f"{q.question} {' '.join(f'{o.text} {o.why}' for o in q.options)}" for q in asked
    )
    for cell in ("contrasts.pfs.hazard_ratio", "contrasts.os.hazard_ratio"):
        texts = reading(palmira, cell).texts
        assert texts["printed"] in told and texts["neutral"].partition("(")[2][:-1] in told
        assert texts["conditional"] not in told


def test_the_right_answer_has_no_usual_place(asked):
    places = Counter(next(i for i, o in enumerate(q.options) if o.right) for q in asked)
    assert set(places) == {0, 1, 2} and max(places.values()) <= len(asked) / 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "entries: [contrasts.pfs.hazard_ratio.estimate,",
            "entries: [contrasts.nothing,",
            "question primary, entries: not in the ledger: contrasts.nothing. Mend: ",
        ),
        (
            "{contrasts.pfs.hazard_ratio.p}",
            "{contrasts.pfs.p}",
            "question primary: nothing fills {contrasts.pfs.p}. Mend: ",
        ),
        (
            "{contrasts.pfs.hazard_ratio|least}",
            "{contrasts.pfs.hazard_ratio|kind}",
            "question primary: nothing fills {contrasts.pfs.hazard_ratio|kind}. Mend: ",
        ),
        (
            "{contrasts.pfs.hazard_ratio.p}",
            "{contrasts.pfs.hazard_ratio.p",
            "question primary: a brace without its partner",
        ),
        ("right: true", "right: false", "question primary: not one option is right. Mend: "),
        (
            "        right: true\n",
            "        rigth: true\n",
            "question primary option 2 rigth: unknown key. Mend: ",
        ),
        ("id: bound", "id: primary", "question primary: a second one of this name. Mend: "),
        (
            "  - id: primary\n    kind: clinical\n    question: >-",
            "  - id: primary\n    kind: clinical\n    words: >-",
            "question primary question: missing. Mend: ",
        ),
        ("questions:", "questions: [", "not valid YAML"),
    ],
)
def test_a_malformed_quiz_is_refused_with_its_place_and_mend(spoiled, old, new, words):
    message = spoiled(old, new)
    assert words in message and "Mend:" in message


def shown(page, asked):
    """The one question that is shown, and its form."""
    forms = page.locator(".quiz-question:visible")
    assert forms.count() == 1
    id = forms.get_attribute("id").removeprefix("quiz-")
    return next(q for q in asked if q.id == id), forms


def answer(page, asked, right: bool):
    """Answer the question that is shown; what was chosen, and what is best."""
    question, form = shown(page, asked)
    chosen = next(o for o in question.options if o.right == right)
    form.get_by_role("radio", name=chosen.text, exact=True).check()
    form.get_by_role("button", name="Check my answer").click()
    return question, form, chosen, next(o for o in question.options if o.right)


@pytest.mark.slow
@pytest.mark.site
def test_one_question_at_a_time_is_answered_explained_and_summed_up(open_page, place, asked):
    page = open_page(f"{place}/{PAGE}")
    assert page.refused == [] and page.errors == []
    score, seen = page.locator(".quiz-score"), []
    for number in range(len(asked)):
        question, form = shown(page, asked)
        seen.append(question.id)
        assert not any(o.why in form.inner_text() for o in question.options)
        if number == 0:
            form.get_by_role("button", name="Check my answer").click()
            assert form.get_by_role("status").inner_text() == "Choose an answer first."
        _, form, chosen, best = answer(page, asked, right=number % 2 == 0)
        said = form.get_by_role("status").inner_text()
        verdict = "Correct. " if chosen is best else "Not correct. "
        assert said.startswith(f"{verdict}{chosen.why}")
        assert (f"Correct answer: {best.text} {best.why}" in said) == (chosen is not best)
        assert form.locator(".quiz-sources").is_visible()
        assert form.locator("input:enabled").count() == 0
        right = number // 2 + 1
        wanted = f"Question {number + 1} of {len(asked)}. Correct so far: {right} of {number + 1}."
        assert score.inner_text() == wanted
        page.locator(".quiz-next").click()
    assert sorted(seen) == sorted(q.id for q in asked)
    summary = page.locator(".quiz-summary")
    half = len(asked) // 2
    assert f"All questions: {half} of {len(asked)} correct" in summary.inner_text()
    for kind in KINDS.values():
        assert re.search(rf"{kind}: \d+ of {half} correct", summary.inner_text())
    missed = summary.locator("li button")
    assert missed.count() == half
    missed.first.click()
    assert shown(page, asked)[0].id == seen[1]


@pytest.mark.slow
@pytest.mark.site
def test_progress_is_kept_in_this_browser_until_a_new_start(open_page, place, asked):
    page = open_page(f"{place}/{PAGE}")
    order = "[...document.querySelectorAll('.quiz-question')].map((f) => [f.querySelector("
    order += "'.quiz-number').innerText || f.querySelector('.quiz-number').textContent, f.id])"
    before = sorted(page.evaluate(order))
    for right in (True, False):
        answer(page, asked, right)
        page.locator(".quiz-next").click()
    here, _ = shown(page, asked)
    page.reload()
    assert shown(page, asked)[0] is here and sorted(page.evaluate(order)) == before
    assert "Correct so far: 1 of 2." in page.locator(".quiz-score").inner_text()
    page.locator(".quiz-back").click()
    assert "Not correct." in shown(page, asked)[1].get_by_role("status").inner_text()
    assert page.evaluate("Object.keys(localStorage)").count("palmira-quiz") == 1
    assert page.context.cookies() == [] and page.refused == []
    page.get_by_role("button", name="Start again").click()
    score = page.locator(".quiz-score").inner_text()
    assert score == f"Question 1 of {len(asked)}. Correct so far: 0 of 0."
    assert sorted(page.evaluate(order)) != before  # in a new order
    assert page.locator(".quiz-question input:checked").count() == 0


@pytest.mark.slow
@pytest.mark.site
def test_the_keyboard_alone_answers_the_quiz(open_page, place, asked):
    page = open_page(f"{place}/{PAGE}")
    active = "document.activeElement.matches"
    page.locator(".quiz-question:visible legend").focus()
    for _ in range(3):
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")  # the second option
        page.keyboard.press("Tab")
        assert page.evaluate(f"{active}('button[type=submit]')")
        page.keyboard.press("Enter")
        _, form = shown(page, asked)
        assert form.get_by_role("status").inner_text()
        assert form.locator("input").nth(1).is_checked()
        assert page.evaluate(f"{active}('.quiz-next')")
        page.keyboard.press("Enter")
        assert page.evaluate(f"{active}('legend')")
    assert " of 3." in page.locator(".quiz-score").inner_text()


@pytest.mark.slow
@pytest.mark.site
def test_a_screen_reader_finds_group_radios_status_and_progress(open_page, site, asked):
    page = open_page(f"{site}/{PAGE}")
    question, form = shown(page, asked)
    group = page.get_by_role("group", name=f"1. {question.question}", exact=True)
    assert group.get_by_role("radio").count() == len(question.options)
    assert form.locator(".quiz-said[role=status][aria-live=polite]").count() == 1
    assert page.get_by_role("progressbar", name="Questions answered").count() == 1


@pytest.mark.slow
@pytest.mark.site
def test_an_address_opens_its_question(open_page, site, asked):
    page = open_page(f"{site}/{PAGE}#quiz-{asked[7].id}")
    assert shown(page, asked)[0] is asked[7]


@pytest.mark.slow
@pytest.mark.site
def test_without_javascript_questions_and_explanations_are_read(open_page, place, asked):
    page = open_page(f"{place}/{PAGE}", java_script_enabled=False)
    for number, question in enumerate(asked):
        form = page.locator(".quiz-question").nth(number)
        assert form.locator("legend").inner_text().endswith(question.question)
        assert not form.get_by_role("button").is_visible()
        form.locator("summary").click()
        lines = form.locator("li:has(.quiz-why)").all()
        for option, line in zip(question.options, lines, strict=True):
            assert option.why in line.inner_text() and option.text in line.inner_text()
            assert (" Correct." in line.inner_text()) == option.right


@pytest.mark.slow
@pytest.mark.site
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_on_a_phone_the_quiz_stays_in_the_page(open_page, site, mode):
    page = open_page(f"{site}/{PAGE}", viewport={"width": 390, "height": 800}, color_scheme=mode)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
