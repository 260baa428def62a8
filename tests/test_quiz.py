"""The quiz: every question rests on the ledger, is answered first and explained at once."""

import re
from collections import Counter

import pytest
import yaml
from test_chapters import typed_numbers

from palmira.readings.ledger import ledger, on_twins
from palmira.readings.three_readings import reading
from palmira.record import comparators
from palmira.record.schema import RecordError
from palmira.teaching.quiz import BLANK, QUIZ, questions
from palmira.twin.adam.store import committed

PAGE = "notebooks/quiz.html"
# Asks for the verdict on a question with no answer, then with each, and reads what a reader sees.
ANSWER = """([number, order]) => {
  const form = document.querySelectorAll(".quiz-question")[number];
  const button = [...form.querySelectorAll("button")].find((b) => b.checkVisibility());
  const said = () => form.querySelector("[role=status]").innerText;
  const explained = () => form.querySelector(".quiz-sources").checkVisibility();
  const before = { text: form.innerText, explained: explained() };
  button.click();
  before.said = said();
  const steps = order.map((i) => {
    const option = form.querySelectorAll("input[type=radio]")[i];
    option.click();
    const cleared = said();
    button.click();
    return [option.labels[0].innerText, cleared, said()];
  });
  return [before, steps, explained(), document.querySelector(".quiz-score").innerText];
}"""


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
            "  - id: primary\n    question: >-",
            "  - id: primary\n    words: >-",
            "question primary question: missing. Mend: ",
        ),
        ("questions:", "questions: [", "not valid YAML"),
    ],
)
def test_a_malformed_quiz_is_refused_with_its_place_and_mend(spoiled, old, new, words):
    message = spoiled(old, new)
    assert words in message and "Mend:" in message


@pytest.mark.slow
@pytest.mark.site
def test_a_question_is_answered_before_it_is_explained(open_page, place, asked):
    page = open_page(f"{place}/{PAGE}")
    assert page.refused == [] and page.errors == []
    right = 0
    for number, question in enumerate(asked):
        best = next(i for i, option in enumerate(question.options) if option.right)
        order = sorted(range(3), key=lambda i: 0 if number % 2 else i != best)
        before, steps, explained, score = page.evaluate(ANSWER, [number, order])
        assert question.options[0].why not in before["text"] and not before["explained"]
        assert before["said"] == "Choose an answer first."
        for first, i, (chosen, cleared, said) in zip((1, 0, 0), order, steps, strict=True):
            option = question.options[i]
            assert (chosen, cleared) == (option.text, "")
            verdict = "Right. " if option.right else "Not so. "
            assert said.startswith(f"{verdict}{option.why}")
            right += option.right and first
        assert explained
        left = len(asked) - number - 1
        assert score == f"Right at the first try: {right} of {number + 1} answered, {left} to go."
    page.get_by_role("button", name="Start again").click()
    score = page.locator(".quiz-score")
    assert score.inner_text().startswith("Right at the first try: 0 of 0")
    assert page.locator(".quiz-question input:checked").count() == 0
    assert not page.locator(".quiz-sources").first.is_visible()
    # Once by the mouse itself.
    form, option = page.locator(".quiz-question").first, asked[0].options[0]
    form.get_by_role("radio", name=option.text, exact=True).check()
    form.get_by_role("button").click()
    assert option.why in form.get_by_role("status").inner_text()
    assert "of 1 answered" in score.inner_text()


@pytest.mark.slow
@pytest.mark.site
def test_the_keyboard_alone_answers_the_quiz(open_page, place, asked):
    page = open_page(f"{place}/{PAGE}")
    page.locator(".quiz-question input").first.focus()
    for number, question in enumerate(asked[:4]):
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")  # the second option
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "BUTTON"
        page.keyboard.press("Enter")
        said = page.locator(".quiz-question").nth(number).get_by_role("status").inner_text()
        assert question.options[1].why in said
        links = page.locator(".quiz-question").nth(number).locator("a:visible").count()
        for _ in range(links + 1):
            page.keyboard.press("Tab")
    assert "of 4 answered" in page.locator(".quiz-score").inner_text()


@pytest.mark.slow
@pytest.mark.site
def test_a_screen_reader_finds_groups_radios_and_a_status(open_page, site, asked):
    page = open_page(f"{site}/{PAGE}")
    for number, question in enumerate(asked, start=1):
        group = page.get_by_role("group", name=f"{number}. {question.question}", exact=True)
        for option in question.options:
            assert group.get_by_role("radio", name=option.text, exact=True).count() == 1
        assert group.get_by_role("radio").count() == len(question.options)
    assert page.locator(".quiz-said[role=status][aria-live=polite]").count() == len(asked)


@pytest.mark.slow
@pytest.mark.site
def test_nothing_is_kept_when_the_page_is_left(open_page, site):
    page = open_page(f"{site}/{PAGE}")
    kept = "JSON.stringify([Object.keys(localStorage), Object.keys(sessionStorage)])"
    before = page.evaluate(kept)
    form = page.locator(".quiz-question").first
    form.get_by_role("radio").first.check()
    form.get_by_role("button").click()
    assert page.evaluate(kept) == before and page.context.cookies() == []
    page.reload()
    assert page.locator(".quiz-question input:checked").count() == 0


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
            assert ("Right." in line.inner_text()) == option.right


@pytest.mark.slow
@pytest.mark.site
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_on_a_phone_the_quiz_stays_in_the_page(open_page, site, mode):
    page = open_page(f"{site}/{PAGE}", viewport={"width": 390, "height": 800}, color_scheme=mode)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
