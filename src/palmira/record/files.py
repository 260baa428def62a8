"""Files that the package's own programs write and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from palmira.record.schema import RecordError


def read_json(path: Path, mend: str) -> dict[str, Any]:
    """What a file holds. Raises ``RecordError`` naming it and the ``mend`` where it cannot be read,
    is no JSON, or holds no names at its top."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}). Mend: {mend}") from None
    except ValueError as error:
        raise RecordError(f"{path}: not JSON ({error}). Mend: {mend}") from None
    if not isinstance(found, dict):
        raise RecordError(f"{path}: not a table of names. Mend: {mend}")
    return found


def write_whole(target: Path, content: bytes) -> None:
    """Write beside, then rename: a reader finds the old file or the new one, never a part."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.new")
    try:
        beside.write_bytes(content)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
