"""Reading a published record and checking it.

A record is a YAML file of blocks (a table, a figure, a passage), rows and columns, laid out as the
paper lays them out so that a reader can compare the two line by line. Loading it expands each cell
into entries, one a number, whose ids read ``block.row.column.part``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from palmira.record.entries import expand
from palmira.record.record import Record
from palmira.record.schema import RecordError, Sheet


def _cross_check(record: Record) -> None:
    """Names that one part of the record uses and another must define."""
    sheet = record.sheet
    rows = {f"{b.id}.{r.id}" for b in sheet.blocks for r in b.rows}
    for block in sheet.blocks:
        for row in block.rows:
            where = f"block {block.id}, row {row.id}"
            if lost := {*row.same_as, *row.perhaps_same_as} - rows:
                raise _wrong(where, f"same_as names no row: {sorted(lost)}")
            if row.within and (row.within == row.id or f"{block.id}.{row.within}" not in rows):
                raise _wrong(where, f"within names no other row of its block: {row.within!r}")
            if unknown := set(row.repairs) - set(block.columns or {""}):
                raise _wrong(where, f"repair of {sorted(unknown)}, which is no column")
    for entry in record.entries.values():
        for name, known in (
            ("arm", sheet.arms),
            ("population", sheet.populations),
            ("confidence", sheet.confidences),
        ):
            value = getattr(entry, name)
            if value is not None and value not in known:
                mend = f"use one of {list(known)}"
                raise _wrong(f"entry {entry.id}", f"unknown {name} {value!r}", mend)
        if lost := set(entry.source) - set(sheet.sources):
            raise _wrong(f"entry {entry.id}", f"unknown source {sorted(lost)}", "add it to sources")
    for population, arms in sheet.populations.items():
        for arm, id in arms.items():
            where = f"population {population}, arm {arm}"
            if arm not in sheet.arms or id not in record.entries:
                raise _wrong(where, f"{id!r} is no entry")
            if record[id].part not in ("count", "n"):
                mend = "name an entry that ends in count"
                raise _wrong(where, f"{id!r} is no number of patients", mend)
    for entry in record.entries.values():
        arms = sheet.populations.get(entry.population or "", {})
        if entry.population and entry.arm and entry.arm not in arms:
            what = f"population {entry.population} has no arm {entry.arm!r}"
            mend = "add it to populations, with the entry that holds its number of patients"
            raise _wrong(f"entry {entry.id}", what, mend)


def _wrong(where: str, what: str, mend: str = "correct it") -> RecordError:
    return RecordError(f"{where}: {what}. Mend: {mend}.")


Model = TypeVar("Model", bound=BaseModel)
# The same safe loader, in C where it is built.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Beside the source in a checkout, within the package where a wheel was installed.
_PACKAGE = Path(str(files("palmira")))
DATA = (_PACKAGE if (_PACKAGE / "data").is_dir() else _PACKAGE.parents[1]) / "data"


# What an item of a list is called by.
NAMED_BY = ("id", "title", "item", "domain", "attribute")


def _where(error: Mapping[str, Any], data: Any) -> str:
    """A validation error's location in words: ids instead of positions in a list."""
    words: list[str] = []
    node = data
    for step in error["loc"]:
        whole = node
        node = node[step] if isinstance(node, dict | list) and _holds(node, step) else None
        if isinstance(step, int) and isinstance(whole, list):
            words[-1] = words[-1].removesuffix("s")
            named = [node[n] for n in NAMED_BY if n in node] if isinstance(node, dict) else []
            words.append(str(next(iter(named), step + 1)))
        else:
            words.append(str(step))
    return " ".join(words)


def _holds(node: dict[Any, Any] | list[Any], step: str | int) -> bool:
    return step in node if isinstance(node, dict) else isinstance(step, int) and step < len(node)


MENDS = {
    "extra_forbidden": "unknown key. Mend: remove it or correct its spelling",
    "missing": "missing. Mend: add it",
    "string_type": "must be text. Mend: put it in quotes, so that trailing zeros stay",
    "string_too_short": "empty. Mend: fill it in",
    "string_pattern_mismatch": "not an id. Mend: use small letters, digits, _ and dots",
}


def read_yaml(text: str) -> Any:
    """The data of a YAML text. Raises ``yaml.YAMLError``, also for a key that stands twice."""
    loader = LOADER(text)
    try:
        node = loader.get_single_node()
        for key in _repeated_keys(node):
            raise yaml.MarkedYAMLError(
                problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
            )
        return loader.construct_document(node) if node else None
    finally:
        loader.dispose()


def _repeated_keys(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Keys that a mapping holds twice; YAML itself would silently keep the last."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            known: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in known:
                        yield key
                    known.add(key.value)
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def parse(path: str | Path, model: type[Model]) -> Model:
    """A YAML file, checked against a model of its content.

    Raises ``RecordError`` naming file, entry and mend.
    """
    return _parsed(Path(path), _text(Path(path)), model)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be read ({error.strerror}). Mend: check the path."
        ) from None
    except UnicodeDecodeError:
        raise RecordError(
            f"{path}: not valid YAML (not UTF-8 text). Mend: save it as UTF-8."
        ) from None


def _parsed(path: Path, text: str, model: type[Model]) -> Model:
    try:
        data = read_yaml(text)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place else ""
        reason = getattr(error, "problem", None) or "not YAML"
        raise RecordError(f"{path}{line}: not valid YAML ({reason}). Mend: correct it.") from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        what = MENDS.get(first["type"], message)
        what += "" if "Mend:" in what else ". Mend: correct it"
        raise RecordError(f"{path}: {_where(first, data) or 'the file'}: {what}.") from None


def checked(sheet: Sheet) -> Record:
    """The record of a sheet. Raises ``RecordError`` naming entry and mend."""
    record = Record(sheet, expand(sheet))
    _cross_check(record)
    return record


def load(path: str | Path) -> Record:
    """Read and check a record. Raises ``RecordError`` naming file, entry and mend."""
    return _loaded(Path(path), _text(Path(path)))


@lru_cache(maxsize=16)
def _loaded(path: Path, text: str) -> Record:
    sheet = _parsed(path, text, Sheet)
    try:
        return checked(sheet)
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from None


def published(trial: str) -> Record:
    """A record of the book: ``palmira``, ``pace``, ``maintain``, ``postmonarch``, or ``setting``,
    what was seen of the other studies that PALMIRA's paper names."""
    if not re.fullmatch(r"[a-z]+", trial):
        raise RecordError(f"{trial!r} is not the name of a record that comes with the book.")
    return load(DATA / "published" / f"{trial}.yaml")


def comparators() -> dict[str, Record]:
    """The records of the trials that the book compares with, by the name of their file."""
    return {trial: published(trial) for trial in ("pace", "maintain", "postmonarch")}
