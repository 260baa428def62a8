"""What was measured of this software: kept by the scripts in benchmarks/, shown in the book."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from palmira.record import DATA
from palmira.record.files import read_json, write_whole
from palmira.record.schema import RecordError

FILE = DATA / "benchmarks.json"
Cell = str | int | float | None
MEND = "run make bench, which writes it anew."


def keep(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], file: Path = FILE
) -> None:
    """Print a table of what was measured and keep it under ``name``, with date and machine."""
    found = load(file) if file.exists() else {}
    load_average = os.getloadavg()[2] if hasattr(os, "getloadavg") else float("nan")
    found[name] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()}, {_processor()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "load": round(load_average, 1),
        "columns": list(columns),
        "rows": [[shown(cell) for cell in row] for row in rows],
    }
    table = Table(*columns, title=name)
    for row in found[name]["rows"]:
        table.add_row(*row)
    Console(width=150).print(table)
    write_whole(file, (json.dumps(found, indent=1, sort_keys=True) + "\n").encode())


def _processor() -> str:
    """The processor's name, where the system tells it; its kind elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def shown(cell: Cell) -> str:
    """A number as it is read: three digits below 100, whole above, nothing for None."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def load(file: Path = FILE) -> dict[str, dict[str, Any]]:
    """All that is kept, by name. Raises ``RecordError`` for a file that is missing or spoiled."""
    found = read_json(file, MEND)
    try:
        for name, one in found.items():
            widths = {len(row) for row in one["rows"]} | {len(one["columns"])}
            if len(widths) != 1 or not one["rows"]:
                raise RecordError(f"{file}: {name}: not a table. Mend: {MEND}")
    except (KeyError, TypeError) as error:
        raise RecordError(f"{file}: not what the scripts write ({error}). Mend: {MEND}") from None
    return found


def table(name: str, caption: str, file: Path = FILE) -> str:
    """What is kept under ``name`` as a table in MyST, with date and machine below it. Raises
    ``RecordError`` where nothing is."""
    found = load(file)
    if name not in found:
        raise RecordError(f"{file}: nothing of {name!r}. Mend: {MEND}")
    one = found[name]
    lines = [f":::{{list-table}} {caption}", f":name: bench-{name}", ":header-rows: 1", ""]
    for row in (one["columns"], *one["rows"]):
        lines += [f"{'* -' if k == 0 else '  -'} {cell.strip()}" for k, cell in enumerate(row)]
    said = f"Measured on {one['date']}: {one['machine']}, Python {one['python']}."
    return "\n".join([*lines, ":::", "", said])


def facts(file: Path = FILE) -> dict[str, str]:
    """What the prose of the page tells. Raises ``RecordError`` where a table lacks a line."""
    found = load(file)
    try:
        build, slips = found["build"]["rows"], found["mutations"]["rows"]
        again = next(row[0] for row in build if row[0].startswith("One helper"))
        return {
            "bench_cold": next(row[3] for row in build if row[0].startswith("Cold")),
            "bench_again": again.partition(", ")[2].partition(" chapters")[0],
            "bench_without": next(row[1] for row in slips if "but the second" in row[0]),
            "bench_slips": next(row[1] for row in slips if row[0].startswith("Changed")),
        }
    except (KeyError, StopIteration):
        raise RecordError(f"{file}: a line of the tables is missing. Mend: {MEND}") from None
