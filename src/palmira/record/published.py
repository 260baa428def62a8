"""The published record of a trial: every printed number, once, with its place in the paper.

A record is a YAML file of blocks (a table, a figure, a passage), rows and columns, laid out as the
paper lays them out so that a reader can compare the two line by line. Loading it expands each cell
into entries, one a number, whose ids read ``block.row.column.part``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import yaml
from pydantic import BaseModel, ValidationError

from palmira.record.entries import ATTRIBUTES, Entry, expand
from palmira.record.schema import Block, RecordError, Sheet


@dataclass(frozen=True)
class Record:
    """A trial's published record. ``record["block.row.column.part"]`` is one entry.

    ``sheet`` is the file as it stands, ``entries`` its numbers by id in the order of the file,
    versions that were not chosen included (their ids end in ``@1``, ``@2`` ...).
    """

    sheet: Sheet
    entries: dict[str, Entry]

    @property
    def trial(self) -> str:
        return self.sheet.trial

    def __getitem__(self, id: str) -> Entry:
        try:
            return self.entries[id]
        except KeyError:
            near = [e for e in self.entries if e.startswith(id.rsplit(".", 1)[0])][:6]
            raise KeyError(f"{self.trial} has no entry {id!r}; near it: {near}") from None

    def block(self, id: str) -> Block:
        """A block of the record by its id."""
        for block in self.sheet.blocks:
            if block.id == id:
                return block
        raise KeyError(f"{self.trial} has no block {id!r}")

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One line an entry: id, text, value (NaN for text), part, place and attributes."""
        columns = ("id", "text", "value", "part", "block", "row", "column", "label", "place",
                   "version", "same_as", "confidence", "source", *ATTRIBUTES)  # fmt: skip
        return pd.DataFrame(
            [
                {c: (e.number if c == "value" else getattr(e, c)) for c in columns}
                for e in self.entries.values()
            ]
        )

    def cells(self, *patterns: str) -> pd.DataFrame:
        """Printed cells as a tidy frame, a row each, in the order of the record.

        ``patterns`` are matched with ids less their part (``results.pfs.median.*``). Columns:
        ``cell`` (that id), block, row, column, label, the attributes (arm, measure, factor ...),
        confidence and source; each part as a number (estimate, lower, upper, p, count, percent,
        value ..., NaN where there is none); ``text``, the cell as printed: ``0.84 (0.66 to 1.07)``,
        ``107 (78.7)``. Raises ``KeyError`` for a pattern that no cell has.
        """
        frame, found = self.frame, []
        frame = frame.assign(cell=[e.cell for e in self.entries.values()])
        frame = frame[frame["version"] == 0]
        for pattern in patterns:
            part = frame[[fnmatchcase(cell, pattern) for cell in frame["cell"]]]
            if part.empty:
                raise KeyError(f"{self.trial} has no cell {pattern!r}")
            found.append(part)
        entries = pd.concat(found).drop_duplicates("id")
        about = ["cell", "block", "row", "column", "label", *ATTRIBUTES, "confidence", "source"]
        wide = entries.pivot(index="cell", columns="part", values="value").rename_axis(columns=None)
        heads = entries.drop_duplicates("cell")[about].set_index("cell")
        texts = [_printed_cell({p: e.text for p, e in self._cells[c].items()}) for c in heads.index]
        return heads.join(wide).assign(text=texts).reset_index()

    @cached_property
    def _cells(self) -> dict[str, dict[str, Entry]]:
        cells: dict[str, dict[str, Entry]] = {}
        for entry in self.entries.values():
            cells.setdefault(entry.cell, {})[entry.part] = entry
        return cells

    def cell(self, entry: Entry) -> dict[str, Entry]:
        """The parts of the same printed cell by name, and the P value printed with its row."""
        return self._cells[entry.cell]

    def two_arms(self) -> tuple[str, str]:
        """Keys of the experimental and the control arm. Raises ``RecordError`` unless one of
        each."""
        roles = [
            [key for key, arm in self.sheet.arms.items() if arm.role == role]
            for role in ("experimental", "control")
        ]
        if any(len(keys) != 1 for keys in roles):
            raise RecordError(
                f"{self.trial}: this needs one experimental and one control arm. "
                "Mend: give one arm each role, as in `role: control`."
            )
        return roles[0][0], roles[1][0]

    def size(self, population: str, arm: str) -> Entry:
        """The entry that holds the number of patients of an arm in an analysis set."""
        return self[self.sheet.populations[population][arm]]


def _printed_cell(texts: Mapping[str, str]) -> str:
    """A cell as a reader knows it, from the texts of its parts."""
    for form in (
        "{estimate} ({lower} to {upper})",
        "{median} ({minimum} to {maximum})",
        "{median} ({q1} to {q3})",
        "{low} to {high}",
        "{events} / {n} ({percent})",
        "{count} ({percent})",
    ):
        try:
            return form.format_map(texts)
        except KeyError:
            continue
    return ", ".join(texts.values())


def _cross_check(record: Record) -> None:
    """Names that one part of the record uses and another must define."""
    sheet = record.sheet
    rows = {f"{b.id}.{r.id}" for b in sheet.blocks for r in b.rows}
    for block in sheet.blocks:
        for row in block.rows:
            where = f"block {block.id}, row {row.id}"
            if lost := {*row.same_as, *row.perhaps_same_as} - rows:
                raise RecordError(
                    f"{where}: same_as names no row: {sorted(lost)}. Mend: correct it."
                )
            if row.within and (row.within == row.id or f"{block.id}.{row.within}" not in rows):
                raise RecordError(
                    f"{where}: within names no other row of its block: {row.within!r}. "
                    "Mend: correct it."
                )
            if unknown := set(row.repairs) - set(block.columns or {""}):
                raise RecordError(
                    f"{where}: repair of {sorted(unknown)}, which is no column. Mend: correct it."
                )
    for entry in record.entries.values():
        for name, value, known in (
            ("arm", entry.arm, sheet.arms), ("population", entry.population, sheet.populations),
            ("confidence", entry.confidence, sheet.confidences),
        ):  # fmt: skip
            if value is not None and value not in known:
                raise RecordError(
                    f"entry {entry.id}: unknown {name} {value!r}. Mend: use one of {list(known)}."
                )
        if lost := set(entry.source) - set(sheet.sources):
            raise RecordError(
                f"entry {entry.id}: unknown source {sorted(lost)}. Mend: add it to sources."
            )
    for population, arms in sheet.populations.items():
        for arm, id in arms.items():
            if arm not in sheet.arms or id not in record.entries:
                raise RecordError(
                    f"population {population}, arm {arm}: {id!r} is no entry. Mend: correct it."
                )
            if record[id].part not in ("count", "n"):
                raise RecordError(
                    f"population {population}, arm {arm}: {id!r} is no number of patients. "
                    "Mend: name an entry that ends in count."
                )
    for entry in record.entries.values():
        arms = sheet.populations.get(entry.population or "", {})
        if entry.population and entry.arm and entry.arm not in arms:
            raise RecordError(
                f"entry {entry.id}: population {entry.population} has no arm {entry.arm!r}. Mend: "
                "add it to populations, with the entry that holds its number of patients."
            )


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
