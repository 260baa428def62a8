"""The appraisal of a paper as data: CONSORT 2025 items, RoB 2 domains, attributes of an estimand.

Items and domains are in our own words, judgments are ours. Sources: Hopewell et al, BMJ
2025;389:e081123; Sterne et al, BMJ 2019;366:l4898; ICH E9(R1), 2019.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from palmira.record import DATA, parse
from palmira.record.schema import Strict

APPRAISAL = DATA / "teaching" / "appraisal.yaml"
# The items of CONSORT 2025, in its order.
PARTS = {**dict.fromkeys((1, 5, 12, 16, 17, 20, 22, 23, 24), "ab"), 21: "abcd"}
ITEMS = tuple(f"{n}{part}" for n in range(1, 31) for part in (PARTS.get(n) or [""]))
# What a place in an article begins with.
PLACES = re.compile(
    r"(Title|Abstract|Introduction|Methods|Results|Discussion|Table \d|Figure \d|Disclaimer|Support"
    r"|Clinical Trial Information|Data Sharing Statement|Authors' Disclosures)(,|$)"
)
Told = Literal["yes", "in part", "no", "supplement", "not applicable"]
MEANINGS: dict[Told, str] = {
    "yes": "answered in the article",
    "in part": "answered in part",
    "no": "not answered in the text that we read",
    "supplement": "the article refers to a source that was not available to us",
    "not applicable": "does not apply to this trial",
}
Judgment = Literal["low", "some concerns", "high"]


class _Placed(Strict):
    place: str | None = Field(description="sections of the article, with semicolons between")

    @field_validator("place")
    @classmethod
    def _is_a_section(cls, place: str | None) -> str | None:
        for part in (place or "Title").split("; "):
            if not PLACES.match(part):
                raise ValueError(
                    f"{part!r} is no section of the article. Mend: begin with its name, as in "
                    "'Methods, Outcomes'"
                )
        return place


class Item(_Placed):
    """An item of CONSORT 2025: where the paper answers it, how far, and what is missing."""

    item: str
    section: str
    topic: str
    told: Told
    missing: str


class Domain(_Placed):
    """A domain of RoB 2, for the effect of assignment on one result."""

    domain: str
    told: str
    missing: str
    judgment: Judgment
    why: str


class Attribute(_Placed):
    """An attribute of the estimand, and whether a reader of the article can state it."""

    attribute: str
    told: Told
    why: str


class Appraisal(Strict):
    """All of it. ``outcomes`` holds a judgment for each domain but the overall one."""

    consort: list[Item]
    bias: list[Domain]
    outcomes: dict[str, list[Judgment]]
    estimand: list[Attribute]

    @field_validator("consort")
    @classmethod
    def _holds_every_item(cls, found: list[Item]) -> list[Item]:
        numbers = [i.item for i in found]
        if wrong := [n for n in numbers if n not in ITEMS or numbers.count(n) > 1]:
            raise ValueError(f"item {wrong[0]} is unknown or stands twice. Mend: correct it")
        if lost := [n for n in ITEMS if n not in numbers]:
            raise ValueError(f"item {lost[0]} is missing. Mend: add it")
        return found


def appraisal(path: Path = APPRAISAL) -> Appraisal:
    """The appraisal. Raises ``RecordError`` naming file, item and mend."""
    return parse(path, Appraisal)
