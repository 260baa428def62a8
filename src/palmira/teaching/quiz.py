"""The quiz: questions kept as data, their numbers from the ledger, and their markup.

A question is a form. The page's script shows one at a time and explains it after the answer.
Without the script the page is a list, and each question has its explanations in a part to unfold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Literal

from IPython.display import HTML, display
from pydantic import Field, model_validator

from palmira.readings.ledger import LedgerEntry
from palmira.readings.three_readings import reading
from palmira.record import DATA, Record, parse
from palmira.record.schema import ID_PATTERN, RecordError, Strict
from palmira.show.formats import minus

QUIZ = DATA / "teaching" / "quiz.yaml"
BLANK = re.compile(r"\{([^{}|]*)(?:\|([^{}|]*))?\}")
FROM_LEDGER = ("recomputed", "verdict")
OF_A_RATIO = ("printed", "least")
KINDS = {"clinical": "Clinical interpretation", "numbers": "Numbers and methods"}


class Option(Strict):
    """An answer with the reason why it is right or not."""

    text: str = Field(min_length=1)
    right: bool = False
    why: str = Field(min_length=1)


class Question(Strict):
    """A question with its options, one of them right, and the ledger entries that it rests on."""

    id: str = Field(pattern=ID_PATTERN)
    kind: Literal["clinical", "numbers"]
    question: str = Field(min_length=1)
    entries: list[str] = Field(min_length=1)
    options: list[Option] = Field(min_length=2)

    @model_validator(mode="after")
    def _one_is_right(self) -> Question:
        if sum(o.right for o in self.options) != 1:
            raise ValueError("not one option is right. Mend: give right: true to one option")
        return self


class _Sheet(Strict):
    questions: list[Question] = Field(min_length=1)


@dataclass(frozen=True)
class Asked:
    """A question whose numbers are filled in, with its entries of the ledger."""

    question: Question
    entries: tuple[LedgerEntry, ...]

    def html(self, number: int) -> str:
        """The form of a question: options, button, room for the answer, and the plain version."""
        q, name = self.question, f"quiz-{self.question.id}"
        options = "".join(
            f'<label class="quiz-option"><input type="radio" name="{name}" value="{i}" '
            f'data-right="{"yes" if o.right else "no"}"><span>{escape(o.text)}</span></label>'
            for i, o in enumerate(q.options)
        )
        reasons = "".join(
            f"<li><em>{escape(o.text)}</em> "
            f"<strong>{'Correct.' if o.right else 'Not correct.'}</strong> "
            f'<span class="quiz-why" data-option="{i}">{escape(o.why)}</span></li>'
            for i, o in enumerate(q.options)
        )
        return (
            f'<form class="quiz-question" id="{name}" data-kind="{KINDS[q.kind]}">'
            f'<fieldset><legend><span class="quiz-number">{number}. </span>'
            f'<span class="quiz-ask">{escape(q.question)}</span></legend>{options}</fieldset>'
            '<button type="submit" hidden>Check my answer</button>'
            '<p class="quiz-said" role="status" aria-live="polite"></p>'
            '<details class="quiz-plain"><summary>Answer and explanations</summary>'
            f"<ul>{reasons}</ul></details>{self._sources()}</form>"
        )

    def _sources(self) -> str:
        chapters = dict.fromkeys(e.chapter for e in self.entries)
        links = ", ".join(f'<a href="{c}.html">{c.replace("-", " ")}</a>' for c in chapters)
        lines = "".join(
            f"<li>{escape(e.label)}: {escape(minus(e.printed))}; {e.verdict} "
            f'<span class="evidence evidence-{e.evidence}">{e.evidence.capitalize()}</span></li>'
            for e in self.entries
        )
        return (
            f'<div class="quiz-sources">In the <a href="ledger.html">ledger</a>:<ul>{lines}</ul>'
            f"More in the chapter: {links}.</div>"
        )


def questions(record: Record, entries: Sequence[LedgerEntry], path: Path = QUIZ) -> list[Asked]:
    """The questions of a file with their numbers filled in.

    Raises ``RecordError`` naming file, question and mend: a file that is no quiz, two questions of
    one name, an entry that the ledger does not have, a blank that nothing fills.
    """
    ledger, found = {e.id: e for e in entries}, parse(path, _Sheet).questions
    asked: list[Asked] = []
    filled = partial(_filled, record=record, ledger=ledger)
    for q in found:
        where = f"{path}: question {q.id}"
        if any(q.id == other.question.id for other in asked):
            raise RecordError(f"{where}: a second one of this name. Mend: rename it.")
        if lost := [id for id in q.entries if id not in ledger]:
            raise RecordError(
                f"{where}, entries: not in the ledger: {', '.join(lost)}. Mend: use an id that "
                "`palmira ledger` shows."
            )
        try:
            question, options = filled(q.question), []
            for o in q.options:
                update = {"text": filled(o.text), "why": filled(o.why)}
                options.append(o.model_copy(update=update))
        except RecordError as error:
            raise RecordError(f"{where}: {error}") from None
        whole = q.model_copy(update={"question": question, "options": options})
        asked.append(Asked(whole, tuple(ledger[id] for id in q.entries)))
    return asked


def _filled(text: str, record: Record, ledger: Mapping[str, LedgerEntry]) -> str:
    """A text with its blanks filled, as ``{entry}``, ``{entry|verdict}`` or ``{ratio|least}``."""

    def fill(blank: re.Match[str]) -> str:
        id, kind = blank[1], blank[2]
        if kind in OF_A_RATIO and f"{id}.estimate" in record.entries:
            of = reading(record, id)
            return of.least_limits if kind == "least" else of.printed_text
        if kind in (None, *FROM_LEDGER) and id in ledger:
            said = str(getattr(ledger[id], kind or "printed"))
            if said:
                return minus(said)
        raise RecordError(
            f"nothing fills {blank[0]}. Mend: name an entry of the ledger, alone or followed by "
            f"|{' or |'.join(FROM_LEDGER)}, or a ratio followed by |{' or |'.join(OF_A_RATIO)}."
        )

    done = BLANK.sub(fill, text)
    if "{" in done or "}" in done:
        raise RecordError(f"a brace without its partner in {done!r}. Mend: close or remove it.")
    return done


def ask(asked: Sequence[Asked]) -> None:
    """Display the quiz, with progress and a summary that only the page's script fills."""
    forms = "".join(a.html(number) for number, a in enumerate(asked, start=1))
    bar = (
        '<div class="quiz-summary" role="region" aria-label="Result" hidden></div>'
        '<div class="quiz-bar" hidden><p class="quiz-score" role="status" aria-live="polite"></p>'
        '<progress class="quiz-progress" aria-label="Questions answered"></progress>'
        '<p class="quiz-moves"><button type="button" class="quiz-back">Previous</button> '
        '<button type="button" class="quiz-next">Next question</button> '
        '<button type="button" class="quiz-again">Start again</button></p></div>'
    )
    display(HTML(f'<div class="quiz">{forms}{bar}</div>'))
