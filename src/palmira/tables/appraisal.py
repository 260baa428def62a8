"""Tables of the appraisal: where the paper answers what, and what is missing."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pandas as pd

from palmira.appraisal import MEANINGS, Appraisal, Told
from palmira.record import Record
from palmira.show.exhibits import Table
from palmira.teaching import fill

NOWHERE = "–"
OURS = (
    "Items in our own words, with the guideline's numbers. The last two columns are our judgment."
)


def _words(text: str | None) -> str:
    return text[:1].upper() + text[1:] if text else NOWHERE


def consort(found: Appraisal, record: Record) -> Table:
    """Each CONSORT item: where the article answers it, how far, and what is missing."""
    numbers = partial(fill, record=record, ledger=())
    rows = [
        {
            "Section": i.section, "Item": f"{i.item}. {i.topic}",
            "Where in the paper": _words(i.place), "Answered": i.told,
            "What is missing": numbers(i.missing) or NOWHERE,
        }
        for i in found.consort
    ]  # fmt: skip
    told = ", ".join(f"{t}: {meaning}" for t, meaning in MEANINGS.items())
    return Table(pd.DataFrame(rows), group="Section", notes=(OURS, f"{_words(told)}."))


def consort_counts(found: Appraisal) -> dict[Told, int]:
    """Number of items by how far the article answers them."""
    counts = Counter(i.told for i in found.consort)
    return {told: counts[told] for told in MEANINGS}


def bias(found: Appraisal, record: Record) -> Table:
    """Each RoB 2 domain for the primary result: place, what is told and missing, judgment."""
    numbers = partial(fill, record=record, ledger=())
    rows = [
        {
            "Domain": d.domain, "Where in the paper": _words(d.place),
            "What it tells": numbers(d.told) or NOWHERE, "What is missing": d.missing or NOWHERE,
            "Risk, our judgment": d.judgment, "Why": numbers(d.why),
        }
        for d in found.bias
    ]  # fmt: skip
    return Table(pd.DataFrame(rows))


def outcomes(found: Appraisal) -> Table:
    """Judgments by outcome and domain."""
    domains = [d.domain for d in found.bias[:-1]]
    rows = [
        {"Outcome": outcome, **dict(zip(domains, judgments, strict=True))}
        for outcome, judgments in found.outcomes.items()
    ]
    return Table(pd.DataFrame(rows))


def estimand_places(found: Appraisal) -> Table:
    """Each attribute of the estimand: its place, and whether a reader can state it."""
    rows = [
        {"Attribute": a.attribute, "Where in the paper": _words(a.place),
         "Can a reader state it?": a.told, "Why": a.why}
        for a in found.estimand
    ]  # fmt: skip
    return Table(pd.DataFrame(rows))
