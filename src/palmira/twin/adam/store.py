"""Synthetic data sets as a folder of CSV files, one a data set."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pandas as pd

from palmira.record import DATA
from palmira.record.schema import RecordError
from palmira.twin.adam.dictionary import SYNTHETIC, Dataset, datasets

TWINS = DATA / "twin"
# The summary of the ensemble, and how the committed twins were made.
ENSEMBLE, PROVENANCE = TWINS / "ensemble.json", TWINS / "provenance.json"


def write(frames: dict[str, pd.DataFrame], folder: Path) -> None:
    """Write ``adsl.csv``, ``adtte.csv``, ``adrs.csv`` and ``adae.csv`` into ``folder``.

    They are made in a new folder beside it, which then takes its place: whoever stops the program
    finds the old files or the new ones, never half of each. Other files of the folder stay. Raises
    ``ValueError`` where a data set is missing.
    """
    if lost := sorted(set(datasets()) - set(frames)):
        raise ValueError(f"no frames of the data sets {lost}")
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        made, old = Path(beside) / "new", Path(beside) / "old"
        if folder.exists():
            shutil.copytree(folder, made)
        made.mkdir(exist_ok=True)
        for name, dataset in datasets().items():
            text = _written(dataset.typed(frames[name]), dataset)
            text.to_csv(made / f"{name}.csv", index=False, lineterminator="\n")
        if folder.exists():
            folder.rename(old)
        try:
            made.rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise


def _written(frame: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Dates as YYYY-MM-DD and whole numbers without a point, missing or not."""
    for v in dataset.variables:
        if v.type == "date":
            frame[v.name] = frame[v.name].dt.strftime("%Y-%m-%d")
        elif v.type == "integer":
            frame[v.name] = frame[v.name].astype("Int64")
    return frame


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """The data sets of a folder by name, in small letters, with the types of the dictionary.

    Raises ``RecordError`` naming the file and the mend: a file that is missing or no CSV, a column
    too few or too many, a value of another type, a line that is not marked synthetic.
    """
    return {name: _read(folder / f"{name}.csv", d) for name, d in datasets().items()}


def committed(trial: str, folder: Path = TWINS) -> dict[str, dict[str, pd.DataFrame]]:
    """The data sets of the twins in ``folder`` by scale, where they are twins of ``trial``; none
    for another trial. Raises ``RecordError`` as ``read`` does."""
    twins = {path.parent.name: read(path.parent) for path in sorted(folder.glob("*/adsl.csv"))}
    return {
        scale: frames
        for scale, frames in twins.items()
        if frames["adsl"]["STUDYID"].iloc[0].startswith(f"{trial.upper()}-TWIN-")
    }


def _read(path: Path, dataset: Dataset) -> pd.DataFrame:
    again = "Mend: make the twin again."
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}). {again}") from None
    except ValueError as error:
        raise RecordError(f"{path}: not a CSV file ({error}). {again}") from None
    if list(frame.columns) != dataset.columns:
        wrong = sorted(set(frame.columns) ^ set(dataset.columns)) or "their order"
        raise RecordError(f"{path}: not the columns of {dataset.name}: {wrong}. {again}")
    made = {
        v.name: frame[v.name]
        if v.type == "text"
        else _parsed(frame[v.name], v.type, v.missing, f"{path}: {v.name}")
        for v in dataset.variables
    }
    if not (frame["SYNTH"] == SYNTHETIC).all():
        raise RecordError(
            f"{path}: a line without {SYNTHETIC}. Mend: use the data of a twin, and no others."
        )
    try:
        return dataset.typed(made)
    except ValueError as error:
        raise RecordError(f"{path}: {error}. {again}") from None


def _parsed(column: pd.Series, type: str, missing: bool, where: str) -> pd.Series:
    """Dates or numbers from text; an empty text is a missing value, where that may be."""
    values = (
        pd.to_datetime(column, format="%Y-%m-%d", errors="coerce")
        if type == "date"
        else pd.to_numeric(column, errors="coerce")
    )
    none = values.isna().to_numpy()
    wrong = none & (column.to_numpy() != "") if missing else none
    if type == "integer":
        wrong = wrong | (~none & (values.to_numpy() % 1 != 0))
    if wrong.any():
        line = int(wrong.argmax())
        raise RecordError(
            f"{where}, line {line + 2}: {column.iloc[line]!r} is not {_NOUNS[type]}. "
            "Mend: make the twin again."
        )
    return values


_NOUNS = {"date": "a date (YYYY-MM-DD)", "integer": "a whole number", "number": "a number"}
