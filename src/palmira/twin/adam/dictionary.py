"""The data dictionary of the synthetic data sets: every variable and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from palmira.record import DATA, Record, published
from palmira.record.published import LOADER
from palmira.record.schema import RecordError
from palmira.twin.facts import printed

SYNTHETIC = "SYNTHETIC"
ROLES = {"experimental": 1, "control": 2}
DTYPES = {"text": "object", "integer": "int64", "number": "float64", "date": "datetime64[ns]"}
ASCII = {"≥": ">=", "≤": "<=", "’": "'", "–": "-", "−": "-"}
# What the dictionary says of a variable.
ABOUT = ("label", "type", "length", "format", "terms", "missing", "core", "origin", "derivation")


@dataclass(frozen=True)
class Variable:
    """A variable of a data set; ``terms`` are all its values, or empty where it has no such list.

    ``type`` is text, integer, number or date; ``length`` the greatest length of a text; ``needs``
    what a record must print something of (see ``palmira.twin.facts.printed``).
    """

    name: str
    label: str
    type: str
    core: str
    origin: str
    derivation: str
    length: int | None = None
    missing: bool = False
    needs: str = ""
    terms: tuple[str | int, ...] = ()

    @property
    def dtype(self) -> str:
        """Type in a frame; an integer that may be missing is a float, a text is empty then."""
        may = self.missing or self.needs
        return "float64" if self.type == "integer" and may else DTYPES[self.type]

    @property
    def format(self) -> str:
        """How it is written: in CSV, and in SAS transport files."""
        if self.type == "date":
            return "YYYY-MM-DD; DATE9. in XPT"
        return f"${self.length}." if self.type == "text" else ""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a data set: PARAM and PARAMN of its PARAMCD."""

    label: str
    number: int


@dataclass(frozen=True)
class Dataset:
    """A data set: its variables in the order of the columns, its parameters by PARAMCD."""

    name: str
    label: str
    structure: str
    keys: tuple[str, ...]
    variables: tuple[Variable, ...]
    parameters: dict[str, Parameter]

    @property
    def columns(self) -> list[str]:
        return [v.name for v in self.variables]

    def typed(self, frame: pd.DataFrame | Mapping[str, pd.Series]) -> pd.DataFrame:
        """The frame with this data set's columns, types and order of rows.

        Raises ``KeyError`` for a column that is not there and ``ValueError`` for a value that its
        type cannot hold.
        """
        made = {v.name: _cast(frame[v.name], v) for v in self.variables}
        return pd.DataFrame(made, columns=self.columns)


def _cast(column: pd.Series, variable: Variable) -> pd.Series:
    if variable.type == "text":
        texts = [x if isinstance(x, str) else "" if pd.isna(x) else str(x) for x in column]
        if not all(map(str.isascii, texts)):
            texts = [plain(x) for x in texts]
        return pd.Series(texts, column.index, dtype=object)
    if variable.type == "date":
        return pd.to_datetime(column).astype("datetime64[ns]")
    numbers = pd.to_numeric(column).astype("float64")
    rest = numbers.to_numpy() % 1
    if variable.type == "integer" and (rest[~np.isnan(rest)] != 0).any():
        raise ValueError(f"{variable.name}: not whole numbers")
    return numbers.astype(variable.dtype)


def plain(text: str) -> str:
    """A text of the record as the data sets hold it, in ASCII: ``≥3`` is ``>=3``.

    Raises ``ValueError`` for a character that has no such form.
    """
    if text.isascii():
        return text
    for character, replacement in ASCII.items():
        text = text.replace(character, replacement)
    if not text.isascii():
        raise ValueError(f"{text!r} holds characters that a SAS transport file cannot")
    return text


def treatments(record: Record) -> dict[str, str]:
    """TRT01P by arm, experimental first; an arm named "ET alone" is treated with "ET".

    Raises ``RecordError`` for a record without exactly one experimental and one control arm.
    """
    labels = {arm: plain(record.sheet.arms[arm].label) for arm in record.two_arms()}
    return {arm: label.removesuffix(" alone") for arm, label in labels.items()}


def categories(record: Record, block: str, factor: str) -> tuple[str, ...]:
    """Levels of a factor in a block of the record, else in the first that has some, in its order.

    Raises ``RecordError`` where none has.
    """
    blocks = sorted(record.sheet.blocks, key=lambda b: b.id != block)
    found = ([r.category for r in b.rows if r.factor == factor and r.category] for b in blocks)
    rows = next((categories for categories in found if categories), [])
    if not rows:
        raise RecordError(
            f"{record.trial}, block {block}: no categories of {factor!r}. Mend: add its rows."
        )
    return tuple(dict.fromkeys(plain(category) for category in rows))


def parts(record: Record, block: str, row: str) -> dict[str, str]:
    """Labels of the rows within a row of a block, by the last word of their ids."""
    rows = next((b.rows for b in record.sheet.blocks if b.id == block), [])
    return {r.id.rpartition(".")[2]: plain(r.label) for r in rows if r.within == row}


@cache
def _sheet() -> dict[str, Any]:
    text = files("palmira.twin.adam").joinpath("dictionary.yaml").read_text(encoding="utf-8")
    sheet: dict[str, Any] = yaml.load(text, Loader=LOADER)
    return sheet


def _terms(
    line: dict[str, Any], parameters: dict[str, Parameter], record: Record | None
) -> tuple[str | int, ...]:
    terms = line.get("terms", [])
    if terms == "parameter codes":
        return tuple(parameters)
    if terms == "parameters":
        return tuple(p.label for p in parameters.values())
    if isinstance(terms, list) and not line.keys() & {"categories", "labels"}:
        return tuple(terms)
    if record is None:
        return ()
    if terms == "treatments":
        return tuple(treatments(record).values())
    if terms == "arms":
        return tuple(plain(record.sheet.arms[arm].label) for arm in treatments(record))
    if "labels" in line:
        return tuple(parts(record, *line["labels"]).values())
    return categories(record, *line["categories"])


def _variable(
    line: dict[str, Any],
    parameters: dict[str, Parameter],
    record: Record | None,
    known: frozenset[str],
) -> Variable:
    own = {k: v for k, v in line.items() if k not in {"in", "terms", "categories", "labels"}}
    if "categories" in line:
        own["needs"] = line["categories"][1]
    needs = own.get("needs")
    if needs and needs not in known:
        return Variable(**own | {"missing": True})
    return Variable(**own, terms=_terms(line, parameters, record))


def datasets(record: Record | None = None) -> dict[str, Dataset]:
    """The data sets by name, in small letters; terms that stand in a record need one, and only for
    a record is it known which variables must be empty: those of which it prints nothing."""
    sheet, made = _sheet(), {}
    known = printed(record) if record else frozenset()
    for name, head in sheet["datasets"].items():
        parameters = {k: Parameter(**p) for k, p in sheet["parameters"].get(name, {}).items()}
        lines = (line for line in sheet["variables"] if name in line["in"])
        variables = tuple(_variable(line, parameters, record, known) for line in lines)
        made[name.lower()] = Dataset(
            name, head["label"], head["structure"], tuple(head["keys"]), variables, parameters
        )
    return made


def table(record: Record) -> pd.DataFrame:
    """The dictionary, one line a variable of a data set: data set, its label and structure,
    variable, label, type, length, format, terms, whether it may be missing, core, origin,
    derivation."""
    rows = []
    for d in datasets(record).values():
        for v in d.variables:
            head = {"dataset": d.name, "dataset_label": d.label, "structure": d.structure}
            own = {"variable": v.name, **{name: getattr(v, name) for name in ABOUT}}
            own["length"] = "" if v.length is None else str(v.length)
            own |= {"terms": "; ".join(map(str, v.terms)), "missing": "yes" if v.missing else "no"}
            rows.append(head | own)
    return pd.DataFrame(rows)


def export(record: Record, path: Path) -> None:
    """Write the dictionary as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table(record).to_csv(path, index=False, lineterminator="\n")


if __name__ == "__main__":
    export(published("palmira"), DATA / "twin" / "dictionary.csv")
