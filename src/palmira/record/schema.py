"""The file format of a published record: blocks, rows and columns, as the paper lays them out."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ID_PATTERN = r"^[a-z0-9][a-z0-9_]*(\.[a-z0-9_]+)*$"


class RecordError(ValueError):
    """A record that cannot be used; the message names the file, the entry and the mend."""


class Strict(BaseModel):
    """A part of a file: no key that it does not know, and no change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Attributes(Strict):
    """What a number is about. A row's say wins over its column's, and that over the block's."""

    cell: str | None = Field(None, description="layout of the cell, a key of printed.CELLS")
    arm: str | None = None
    measure: str | None = Field(
        None, description="what it is: median, hazard ratio, rate, date ..."
    )
    unit: str | None = None
    endpoint: str | None = Field(None, description="PFS, OS, ORR, CBR ...")
    factor: str | None = Field(None, description="baseline factor or subgroup")
    category: str | None = Field(None, description="level of the factor")
    term: str | None = Field(None, description="adverse event term")
    grade: str | None = None
    time: str | None = Field(None, description="landmark in months")
    population: str | None = Field(
        None, description="analysis set, a key of the record's populations"
    )
    analysis: str | None = Field(None, description="final, preplanned, safety ...")
    sided: Literal["one", "two", "not stated"] | None = None
    interval_level: str | None = Field(None, description="printed level of the interval, as in 95")
    decimals: int | None = Field(
        None, ge=0, le=9, description="decimals of a column that drops trailing zeros"
    )
    source: list[str] | None = Field(None, description="keys of the record's sources")
    confidence: str | None = Field(None, description="how surely it was seen, a key of confidences")


class Repair(Strict):
    """A cell that was damaged in the text at hand: what was read, and why it is now otherwise."""

    read: str
    because: str


class Version(Strict):
    """Another source's version of the same row, kept beside the chosen one."""

    values: list[str | None]
    source: list[str]
    confidence: str
    p: str | None = None
    interval_level: str | None = None
    note: str


class Row(Attributes):
    """What the paper prints of one quantity, by column."""

    id: str = Field(pattern=ID_PATTERN)
    label: str
    values: list[str | None]
    p: str | None = Field(None, description="P value printed with the row")
    place: str | None = Field(None, description="place in the paper, if not the block's")
    within: str | None = Field(None, description="row of the block of which this one is a part")
    exhaustive: bool = Field(False, description="its parts leave nobody out")
    between: list[str] = Field(default_factory=list, description="patients lost between two rows")
    reference: Literal["experimental", "control"] | None = Field(
        None, description="the arm that a ratio divides by, where the paper says so"
    )
    test: Literal["Wald", "log-rank", "stratified log-rank"] | None = Field(
        None, description="the test that the paper says its P value comes from"
    )
    same_as: list[str] = Field(default_factory=list, description="rows with the same quantity")
    quotes: str | None = Field(None, description="another record's row, as in pace:contrasts.pfs")
    repairs: dict[str, Repair] = Field(default_factory=dict)
    as_printed: str | None = Field(None, description="why an impossible number stands as printed")
    note: str | None = None
    versions: list[Version] = Field(default_factory=list)
    chosen_because: str | None = None

    perhaps_same_as: list[str] = Field(
        default_factory=list, description="rows that may print the same quantity, or another"
    )

    @field_validator("same_as", "perhaps_same_as", mode="before")
    @classmethod
    def _one_or_more(cls, rows: object) -> object:
        return [rows] if isinstance(rows, str) else rows

    @model_validator(mode="after")
    def _choice_has_a_reason(self) -> Row:
        if self.versions and not self.chosen_because:
            raise ValueError("other versions without a reason. Mend: add chosen_because")
        return self


class Column(Attributes):
    """A column of a block."""

    label: str | None = None


class Block(Attributes):
    """Rows that stand in one place of the paper."""

    id: str = Field(pattern=ID_PATTERN)
    title: str
    place: str = Field(min_length=1)
    columns: dict[str, Column] = Field(default_factory=dict)
    decimals_because: str | None = None
    unseen: str | None = Field(None, description="why this block's values could not be seen")
    rows: list[Row]


class Arm(Strict):
    """An arm of the trial, or all arms together."""

    label: str
    role: Literal["experimental", "control", "total", "other"]


class Source(Strict):
    """Where printed numbers come from."""

    cite: str
    doi: str | None = None
    pmid: str | None = None
    pmcid: str | None = None
    url: str | None = None
    seen: str | None = None


class Sheet(Strict):
    """The whole file."""

    trial: str
    title: str
    arms: dict[str, Arm]
    populations: dict[str, dict[str, str]] = Field(default_factory=dict)
    strata: list[str] = Field(default_factory=list, description="factors of stratification")
    sources: dict[str, Source]
    confidences: dict[str, str] = Field(default_factory=dict)
    blocks: list[Block]
