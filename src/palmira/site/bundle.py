"""One zip of everything that is read without a network: site, slides, PDFs, notebooks, data."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from palmira.record.files import write_whole

NAME = "palmira-book"
TIME = (2025, 1, 1, 0, 0, 0)  # of every file, so that equal contents are equal bytes
# Folder or file of the project, and where it goes. The site is the top: index.html opens it.
CONTENTS = {
    "_build/html": "",
    "_build/pdf": "pdf",
    "_build/html/_sources/notebooks": "executed-notebooks",
    "data/twin": "data/twin",
    "data/published": "data/published",
    "requirements.lock": "requirements.lock",
    "CITATION.cff": "CITATION.cff",
    "LICENSE": "LICENSE",
    "LICENSE-CONTENT": "LICENSE-CONTENT",
}
ENDINGS = {"executed-notebooks": ".ipynb"}
LEFT_OUT = {"objects.inv"}  # and hidden files: records of a build, or parts of one that was killed
READ_ME = """\
PALMIRA, executable. Unpack this folder and open index.html; no network is needed.

index.html            the book
slides/index.html     slides for a journal club (S opens the speaker notes)
pdf                   a summary on one page, and the whole book
executed-notebooks    the chapters as notebooks, with their results
data/published        the numbers of the trials, as printed
data/twin             SYNTHETIC patients, invented; no data of any trial's patients
requirements.lock     the versions of the packages that computed it
"""


def files(root: Path) -> Iterator[tuple[str, Path]]:
    """Name in the zip and path of each file. Raises ``FileNotFoundError`` for a missing part."""
    for source, target in CONTENTS.items():
        path = root / source
        if not path.exists():
            raise FileNotFoundError(f"{source} is missing. Mend: call make bundle, which makes it.")
        found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        for file in found:
            within = "" if file == path else file.relative_to(path).as_posix()
            if file.name in LEFT_OUT or file.name.startswith("."):
                continue
            if file.name.endswith(ENDINGS.get(target, "")):
                yield "/".join(filter(None, (NAME, target, within))), file


def pack(contents: list[tuple[str, Path]], target: Path) -> None:
    """Write a zip with sorted names and one time; the old file stays until the new one is whole."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        entries = {name: path.read_bytes() for name, path in contents}
        entries[f"{NAME}/READ-ME.txt"] = READ_ME.encode()
        for name in sorted(entries):
            info = ZipInfo(name, TIME)
            info.external_attr, info.create_system = 0o644 << 16, 3
            archive.writestr(info, entries[name], ZIP_DEFLATED, 9)
    write_whole(target, buffer.getvalue())


if __name__ == "__main__":
    try:
        pack(list(files(Path.cwd())), Path("dist", f"{NAME}.zip"))
    except OSError as problem:
        sys.exit(str(problem))
