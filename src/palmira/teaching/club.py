"""Questions and scripts of the journal club: data/teaching, with numbers filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from palmira.readings.ledger import LedgerEntry
from palmira.readings.subgroups import subgroups
from palmira.readings.three_readings import reading
from palmira.record import DATA, Record, parse
from palmira.record.entries import Entry
from palmira.record.schema import RecordError, Strict

# {id}, {id=kind} or {name}; a role such as {ref}`efficacy` is none of them.
SLOT = re.compile(r"\{([a-z0-9_.]+)(?:=(\w+))?\}(?!`)")
DAGGER = "{ref}`†<interval-width>`"
QUESTIONS, SCRIPTS = DATA / "teaching" / "questions.yaml", DATA / "teaching" / "scripts.yaml"
Text = Annotated[str, Field(min_length=1)]


class Wrong(Strict):
    """An answer that is often given, and what is wrong with it."""

    says: Text
    because: Text


class Question(Strict):
    """A question for the room. ``rests_on`` are the ids of the printed numbers that its expected
    answer stands on; ``settled_by`` are labels of exhibits, ``read`` is a chapter."""

    id: str = Field(pattern=r"^[a-z]+$")
    topic: Text
    ask: Text
    expected: Text
    wrong: list[Wrong] = Field(min_length=2)
    settled_by: list[Text] = Field(min_length=1)
    read: list[Text] = Field(min_length=1)
    rests_on: list[Text] = Field(min_length=1)

    @property
    def texts(self) -> list[str]:
        """Everything that is said about the answer."""
        return [self.expected, *(t for w in self.wrong for t in (w.says, w.because))]

    @property
    def slots(self) -> list[tuple[str, str]]:
        """The ids, with kinds, that the answer's numbers come from."""
        return [(m[1], m[2] or "") for t in self.texts for m in SLOT.finditer(t) if "." in m[1]]


class _Questions(Strict):
    questions: list[Question]


class Step(Strict):
    """A part of the meeting: what is done, what is opened (in MyST), what is asked, and its minutes
    by the length of the script (absent where the script leaves it out)."""

    title: Text
    do: Text
    open: Text
    ask: list[str] = Field(default_factory=list)
    minutes: dict[int, Annotated[int, Field(gt=0)]]


class Scripts(Strict):
    """The scripts by their length in minutes."""

    lengths: list[int]
    steps: list[Step]

    @model_validator(mode="after")
    def _times_add_up(self) -> Scripts:
        for length in self.lengths:
            total = sum(step.minutes.get(length, 0) for step in self.steps)
            if total != length:
                raise ValueError(
                    f"the script of {length} minutes adds up to {total}. Mend: change the minutes "
                    f"of its steps by {length - total:+d}"
                )
        return self


def questions(record: Record, path: Path = QUESTIONS) -> dict[str, Question]:
    """The questions by id, in the order of the file.

    Raises ``RecordError`` naming file, question and mend, also where a number of an answer is none
    of ``record``, or does not stand among those that the answer rests on.
    """
    found = parse(path, _Questions).questions
    known = {e.id for e in record.chosen}
    for number, question in enumerate(found):
        where = f"{path}: question {question.id}"
        if question.id in {q.id for q in found[:number]}:
            raise RecordError(f"{where}: the id occurs twice. Mend: rename one.")
        for id in question.rests_on:
            if id not in known:
                raise RecordError(
                    f"{where}: rests_on names {id!r}, which is no number of {record.trial}. Mend: "
                    "use an id that the ledger shows."
                )
        for id, kind in question.slots:
            if id not in question.rests_on and not (kind and f"{id}.estimate" in question.rests_on):
                raise RecordError(
                    f"{where}: the answer uses {id!r}. Mend: add it to rests_on (of an estimate "
                    "with its interval, the id that ends in estimate)."
                )
    return {question.id: question for question in found}


def scripts(known: Iterable[str], path: Path = SCRIPTS) -> Scripts:
    """The scripts; ``known`` are the ids of the questions that a step may ask.

    Raises ``RecordError`` naming file, step and mend, also where times do not add up.
    """
    found = parse(path, Scripts)
    for step in found.steps:
        if lost := set(step.ask) - set(known):
            raise RecordError(
                f"{path}: step {step.title!r} asks {sorted(lost)}. Mend: use ids of questions.yaml."
            )
    return found


def computed(record: Record) -> dict[str, str]:
    """Numbers that answers need and the paper does not print, ready for a sentence."""
    main = reading(record, "contrasts.pfs.hazard_ratio")
    levels = [line for line in subgroups(record) if line.factor]
    arms = ("palbociclib", "et")
    medians = [record[f"results.pfs.median.{arm}.estimate"].value for arm in arms]
    censored = {
        arm: record[f"results.randomized.{arm}.count"].value
        - record[f"results.pfs.events.{arm}.count"].value
        - record[f"results.on_treatment.{arm}.count"].value
        for arm in arms
    }
    return {
        "least_se": f"{main.ways.smallest_se:.3f}",
        "printed_se": f"{main.widest_se:.3f}",
        "subgroups": str(len(levels)),
        "chance_of_any": f"{100 * (1 - 0.95 ** len(levels)):.0f}",
        "median_gap": f"{medians[0] - medians[1]:.1f}",
        **{f"censored_early_{arm}": f"{n:.0f}" for arm, n in censored.items()},
    }


def fill(text: str, record: Record, ledger: Iterable[LedgerEntry]) -> str:
    """A text with its numbers in place of the slots.

    ``{id}`` is the printed number. Of an estimate with its interval ``{id=printed}`` is both, a
    hazard ratio of the trial with a dagger that leads to the chapter on its width; of such a ratio
    ``{id=least}`` are the limits with the least standard error. ``{id=recomputed}`` is what the
    ledger computes, ``{name}`` a number of ``computed``. Raises ``KeyError`` for an unknown one.
    """
    anew: Mapping[str, str] = {e.id: e.recomputed for e in ledger}
    named = computed(record)

    def number(slot: re.Match[str]) -> str:
        id, kind = slot[1], slot[2]
        if "." not in id:
            return named[id]
        if kind is None:
            return record[id].text
        if kind == "recomputed":
            return anew[id]
        if kind == "least":
            return reading(record, id).least_limits
        if kind == "printed":
            return _printed(record.cell(record[f"{id}.estimate"]))
        raise KeyError(f"{slot[0]}: unknown kind {kind!r}")

    return re.sub(r"(?<![\w.])-(?=\d)", "−", SLOT.sub(number, text))


def _printed(cell: Mapping[str, Entry]) -> str:
    estimate = cell["estimate"]
    sign = "%" if estimate.unit == "percent" else ""
    limits = f"{cell['lower']} to {cell['upper']}"
    dagger = DAGGER if estimate.measure == "hazard ratio" and not estimate.quotes else ""
    return f"{estimate}{sign}{dagger} ({estimate.interval_level}% CI {limits})"


def question_text(question: Question, record: Record, ledger: list[LedgerEntry]) -> str:
    """A question as MyST: what to ask, and the answer folded below it."""
    wrong = "\n".join(f"- “{w.says}” {w.because}" for w in question.wrong)
    exhibits = ", ".join(f"{{numref}}`{label}`" for label in question.settled_by)
    chapters = ", ".join(f"{{ref}}`{label}`" for label in question.read)
    answer = fill(
        f"{question.expected.strip()}\n\n**Often said, and wrong**\n\n{wrong}", record, ledger
    )
    return (
        f"**Ask:** {question.ask.strip()}\n\n"
        f":::{{dropdown}} Expected answer\n{answer}\n\n"
        f"**Settled by** {exhibits}. **Read** {chapters}.\n:::\n"
    )


_TABLE = """:::{{list-table}} Script of {} minutes
:header-rows: 1
:stub-columns: 1
:class: script
"""


def script_text(found: Scripts, topics: Mapping[str, str]) -> str:
    """The scripts as MyST: a tab for each length, a row for each step with its minutes."""
    tabs = []
    for length in found.lengths:
        steps = [(s, s.minutes[length]) for s in found.steps if length in s.minutes]
        ends = accumulate(minutes for _, minutes in steps)
        rows = [
            f"* - {end - minutes} to {end}\n  - **{step.title}.** {step.do}{_asked(step, topics)}\n"
            f"  - {step.open}"
            for (step, minutes), end in zip(steps, ends, strict=True)
        ]
        head = "* - Minute\n  - What happens\n  - Open"
        table = "\n".join([_TABLE.format(length), head, *rows, ":::"])
        tabs.append(f"::::{{tab-item}} {length} minutes\n{table}\n::::")
    return ":::::{tab-set}\n" + "\n".join(tabs) + "\n:::::\n"


def _asked(step: Step, topics: Mapping[str, str]) -> str:
    links = " and ".join(f"{{ref}}`{topics[id]} <question-{id}>`" for id in step.ask)
    return f" Ask: {links}." if links else ""
