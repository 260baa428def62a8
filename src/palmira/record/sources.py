"""The sources of several records, numbered in one list, and the bracket that cites them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from palmira.record.record import Record


def listed(records: Mapping[str, Record]) -> pd.DataFrame:
    """The sources that the records' entries name, numbered in their order, one line a source.

    Columns: number, trial, cite, doi, url, seen (what of it was seen), key. One paper in two
    records has one number and two lines.
    """
    lines: dict[str, dict[str, object]] = {}
    for record in records.values():
        used = {key for e in record.entries.values() for key in e.source}
        for key, source in record.sheet.sources.items():
            if key in used and key not in lines:
                about = {a: getattr(source, a) or "" for a in ("cite", "doi", "url", "seen")}
                lines[key] = {"trial": record.trial, **about, "key": key}
    frame = pd.DataFrame(lines.values())
    same = frame["doi"].where(frame["doi"] != "", frame["key"])
    frame.insert(0, "number", pd.factorize(same)[0] + 1)
    return frame


def numbering(records: Mapping[str, Record]) -> dict[str, int]:
    """Source numbers by key, as in the list of sources."""
    frame = listed(records)
    return dict(zip(frame["key"], frame["number"].tolist(), strict=True))


def mark(keys: Iterable[str], confidence: str | None, numbers: Mapping[str, int]) -> str:
    """What stands behind a fact: how surely it was seen, and its sources: ``[PA 4, 6]``."""
    cited = sorted({numbers[k] for k in keys})
    if not cited:
        return "[source not noted]"
    words = [*([confidence] if confidence else []), ", ".join(map(str, cited))]
    return f"[{' '.join(words)}]".replace(" ", "\u00a0")
