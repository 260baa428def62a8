"""Synthetic data sets as SAS transport files, version 5 (for readers of regulatory formats)."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pyreadstat

from palmira.record import DATA
from palmira.record.schema import RecordError
from palmira.twin.adam import store
from palmira.twin.adam.dictionary import datasets

NOT_READ = (OSError, KeyError, ValueError, pyreadstat.ReadstatError, pyreadstat.PyreadstatError)


def write(frames: dict[str, pd.DataFrame], folder: Path) -> list[Path]:
    """Write ``adsl.xpt`` and its like (dates are SAS dates); returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, dataset in datasets().items():
        frame = dataset.typed(frames[name])
        dates = [v.name for v in dataset.variables if v.type == "date"]
        for date in dates:
            frame[date] = frame[date].dt.date.astype(object).where(frame[date].notna(), None)
        paths.append(folder / f"{name}.xpt")
        pyreadstat.write_xport(
            frame,
            paths[-1],
            file_label=dataset.label,
            column_labels={v.name: v.label for v in dataset.variables},
            table_name=dataset.name,
            file_format_version=5,
            variable_format=dict.fromkeys(dates, "DATE9."),
        )
    return paths


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """The data sets of a folder of transport files, with the types of the dictionary.

    Raises ``RecordError`` for a file that is missing or is no transport file.
    """
    frames = {}
    for name, dataset in datasets().items():
        path = folder / f"{name}.xpt"
        try:
            frame, _ = pyreadstat.read_xport(path)
            frames[name] = dataset.typed(frame)
        except NOT_READ as error:
            raise RecordError(
                f"{path}: not a transport file of {dataset.name} ({error}). Mend: make it again."
            ) from None
    return frames


def main(target: Path) -> int:
    """Every twin of the book as transport files in ``target``, a folder a scale."""
    try:
        if not (folders := sorted(p.parent for p in (DATA / "twin").glob("*/adsl.csv"))):
            raise RecordError(f"{DATA / 'twin'}: no twin. Mend: make one.")
        for folder in folders:
            for path in write(store.read(folder), target / folder.name):
                print(path)
    except RecordError as error:
        print(f"palmira: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
