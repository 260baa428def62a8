"""Builds the book again whenever a file is saved: ``make watch``.

To load Sphinx, its extensions and the libraries is most of what a build of one changed chapter
costs; here that is paid once, and each build is a fork of the process that has them. What palmira's
own modules say is loaded anew each time.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from palmira.site import cells, execution

FOLDERS = ("book", "notebooks", "data", "src")
FILES = ("_config.yml", "_toc.yml", "requirements.lock")
# An edit of these is built by ``make book``: compiled functions notice no edit of another file.
AFRESH = ("src", "_config.yml", "requirements.lock")
PAUSE = 0.1  # seconds between two looks at the files
STAMP = Path("_build", "html", ".built")  # by which make knows that the site is of this moment


def state(root: Path) -> dict[str, int]:
    """Time of the last change of every file that a page may hang on, by its path."""
    found = {}
    below = (path for folder in FOLDERS for path in (root / folder).rglob("*"))
    for path in (*(root / name for name in FILES), *below):
        place = path.relative_to(root)
        if any(part.startswith(".") or part == "__pycache__" for part in place.parts):
            continue
        if path.suffix == ".ipynb" or not path.is_file():
            continue
        with suppress(OSError):  # gone since it was listed
            found[place.as_posix()] = path.stat().st_mtime_ns
    return found


def changed(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Paths that are new, gone or saved again."""
    return sorted(
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    )


def prepare(arguments: list[str]) -> None:
    """Load what builds need, as a first one tells, and the chapters' libraries; with one thread
    each, for chapters run side by side. Nothing where processes should not be forked."""
    if not execution.FORKS:
        return
    os.environ.update(execution.ONE_THREAD | cells.PLOTS | {execution.LOADED: "1"})
    execution.load(execution.LIBRARIES)
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as used:
        build(arguments, Path(used.name))
        execution.load(used.read().split())
    gc.freeze()  # a collection in a fork would look at, and so copy, all of it


def build(arguments: list[str], used: Path | None = None) -> bool:
    """Jupyter Book's command line in a fork; whether it succeeded. The names of the modules that it
    loaded, but for our own, are written to ``used``. Where forks are unsafe: a new process."""
    if not execution.FORKS:
        command = [str(Path(sys.executable).with_name("jupyter-book")), *arguments]
        return subprocess.run(command, check=False).returncode == 0
    sys.stdout.flush()
    if (pid := os.fork()) == 0:
        _build(arguments, used)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _build(arguments: list[str], used: Path | None) -> NoReturn:
    def own() -> list[str]:
        return [m for m in sys.modules if m.partition(".")[0] == execution.PACKAGE]

    for module in own():
        del sys.modules[module]
    failed = 1
    try:
        from jupyter_book.cli.main import main as jupyter_book

        jupyter_book(args=arguments, prog_name="jupyter-book")
    except SystemExit as left:
        failed = int(bool(left.code))
    except Exception as error:
        print(error, file=sys.stderr)
    finally:
        if used:
            used.write_text("\n".join(set(sys.modules) - {*own(), "__main__"}), encoding="utf-8")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(failed)


def watch(root: Path, arguments: list[str], before: dict[str, int]) -> list[str]:
    """Build whenever something was saved since the files' state ``before``; returns what was saved
    where this process cannot build it."""
    print("Watching: save a file, and the site follows. Ctrl+C ends it.", flush=True)
    while True:
        time.sleep(PAUSE)
        after = state(root)
        if not (saved := changed(before, after)):
            continue
        if any(path.startswith(AFRESH) for path in saved):
            return saved
        before, began = after, time.time()
        if built := build(arguments):
            (root / STAMP).touch()
            os.utime(root / STAMP, (began, began))  # what is saved while it lasts is younger
        took = f"{time.time() - began:.1f} s"
        print(f"{', '.join(saved)}: {'built' if built else 'NOT built'}, {took}", flush=True)


def main(root: Path, arguments: list[str]) -> NoReturn:
    """Bring the site up to date, then watch; begin again after an edit of the package."""
    before, plain = state(root), dict(os.environ)
    subprocess.run(["make", "book"], cwd=root, check=False)
    prepare(arguments)
    saved = watch(root, arguments, before)
    print(f"{', '.join(saved)}: once more from the start", flush=True)
    os.execvpe("make", ["make", "watch"], plain)


if __name__ == "__main__":
    try:
        main(Path.cwd(), sys.argv[1:])
    except KeyboardInterrupt:
        print()
