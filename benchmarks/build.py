"""Time the book's build against its peers, in one run: python benchmarks/build.py.

Wall time on a copy of the checkout, libraries in place, nothing else running: this book's build
(cold, with nothing changed, with one chapter edited, also while it is watched, with one helper
edited); plain Jupyter Book of the same chapters, without our extension; nbconvert of the same
chapters, one kernel each; and the floor, all chapters as plain Python in one process.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from palmira.site.measured import keep

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
# Our extension, and the way to write formulas that it brings.
EXTENSION = re.compile(r"^ +(- palmira\.site\.booksite|html_math_renderer:.*)\n", re.MULTILINE)
STRICT = [BIN / "jupyter-book", "build", ".", "--warningiserror", "--keep-going", "--nitpick", "-q"]
PLAIN = [BIN / "jupyter-book", "build", ".", "-q"]
NBCONVERT = [BIN / "jupyter", "nbconvert", "--to", "notebook", "--execute"]
NBCONVERT += ["--output-dir", "_build/converted"]
EDITED, HELPER = "efficacy", "src/palmira/show/forest.py"
REMOVED = {"PYTHONDONTWRITEBYTECODE", "MPLBACKEND"}
FENCE = "```{code-cell} ipython3\n:tags: [remove-cell]\n"
FLOOR = """
import os, sys
from pathlib import Path
from myst_nb.core.read import read_myst_markdown_notebook
from palmira.site.cells import Fault, outputs_of
os.chdir("notebooks")
for path in sorted(Path().glob("*.md")):
    cells = read_myst_markdown_notebook(path.read_text("utf-8"), path=path).cells
    found = outputs_of([c.source for c in cells if c.cell_type == "code"])
    if isinstance(found, Fault):
        sys.exit(f"{path} fails: {found.message}")
"""


def copy(folder: Path, name: str) -> Path:
    """The files that git knows, as they stand, in a folder of their own."""
    target = folder / name
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    for file in filter(None, listed.stdout.decode().split("\0")):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, target / file)
    (target / ".venv").symlink_to(BIN.parent)
    return target


def made(folder: Path) -> list[Path | str]:
    """``make book`` with the package of this folder."""
    build = " ".join(map(str, ["env", f"PYTHONPATH={folder / 'src'}", *STRICT]))
    return ["make", "book", f"BUILD={build}"]


def environment(folder: Path) -> dict[str, str]:
    """That of ``make`` in a folder."""
    own = {
        "PYTHONPATH": str(folder / "src"),
        "NUMBA_CACHE_DIR": str(folder / "_build/.numba"),
        "PYTHONHASHSEED": "0",
        "MATPLOTLIBRC": os.devnull,
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    return {k: v for k, v in os.environ.items() if k not in REMOVED} | own


def timed(command: list[Path | str], folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a command that must succeed."""
    env = environment(folder)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{wall:7.1f} s {cpu:7.1f} CPU s  {' '.join(str(c) for c in command)[-90:]!r}", flush=True
    )
    return wall, cpu


def watched(folder: Path) -> float:
    """Wall seconds from an edit of a chapter to its page, while the folder is watched."""
    command = [sys.executable, "-m", "palmira.site.watch", *STRICT[1:]]
    with subprocess.Popen(
        command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        while "Watching" not in process.stdout.readline():
            assert process.poll() is None
        start = time.perf_counter()
        edit_chapter(folder)
        # Sphinx has lines of its own before that of the watch.
        said = next((line for line in process.stdout if "built, " in line), "")
        wall = time.perf_counter() - start
        process.send_signal(signal.SIGINT)
        process.wait()
    if ": built" not in said:
        sys.exit(f"watched: {said}")
    print(f"{wall:7.1f} s watched", flush=True)
    return wall


def runs(folder: Path) -> dict[str, float]:
    """Seconds of each kept run of a chapter."""
    kept = (folder / "_build" / ".executed").glob("*/*.json")
    return {str(path): json.loads(path.read_text("utf-8"))["seconds"] for path in kept}


def edit_chapter(folder: Path) -> None:
    """A comment in the first cell of a chapter."""
    path = folder / "notebooks" / f"{EDITED}.md"
    text = path.read_text("utf-8")
    path.write_text(text.replace(FENCE, f"{FENCE}# edited\n", 1), "utf-8")


def main() -> None:
    with tempfile.TemporaryDirectory() as beside:
        ours, plain = copy(Path(beside), "ours"), copy(Path(beside), "plain")
        config = plain / "_config.yml"
        text = config.read_text("utf-8")
        plainer, removed = EXTENSION.subn("", text)
        assert removed == 2
        config.write_text(plainer, "utf-8")

        book = made(ours)
        cold, _ = timed(book, ours)
        chapters = runs(ours)
        same, _ = timed(book, ours)
        asked, _ = timed(STRICT, ours)
        edit_chapter(ours)
        edited, _ = timed(book, ours)
        own = sum(s for path, s in runs(ours).items() if path not in chapters)
        before = runs(ours)
        seen = watched(ours)
        seen_own = sum(s for path, s in runs(ours).items() if path not in before)
        before = runs(ours)
        helper = ours / HELPER
        helper.write_text(helper.read_text("utf-8") + "\n# edited\n", "utf-8")
        helped, _ = timed(book, ours)
        again = {path: s for path, s in runs(ours).items() if path not in before}

        peer_cold, _ = timed(PLAIN, plain)
        peer_same, _ = timed(PLAIN, plain)
        edit_chapter(plain)
        peer_edited, _ = timed(PLAIN, plain)
        shutil.rmtree(plain / "_build" / ".numba", ignore_errors=True)
        written = sorted((plain / "notebooks").glob("*.md"))
        timed([BIN / "jupytext", "--quiet", "--to", "ipynb", *written], plain)
        notebooks = sorted((plain / "notebooks").glob("*.ipynb"))
        converted, _ = timed([*NBCONVERT, *notebooks], plain)
        shutil.rmtree(plain / "_build" / ".numba", ignore_errors=True)
        floor, floor_cpu = timed([sys.executable, "-c", FLOOR], plain)
    helper_edited = f"One helper edited, {len(again)} of {len(chapters)} chapters run again"
    rows = [
        ("Cold: every chapter runs", cold, peer_cold),
        ("Nothing changed", same, peer_same),
        ("  and Sphinx asked nevertheless", asked, peer_same),
        ("One chapter edited", edited, peer_edited),
        ("  of this, its own run", own, None),
        ("One chapter edited while the book is watched", seen, peer_edited),
        ("  of this, its own run", seen_own, None),
        (helper_edited, helped, None),
        ("  of this, their own runs", sum(again.values()), None),
        ("nbconvert, each chapter in a kernel of its own", converted, peer_cold),
        ("Floor: all chapters in one process", floor, peer_cold),
        ("  its CPU seconds, with the compiling", floor_cpu, None),
    ]
    lines = [[what, s, peer, s / peer if peer else None] for what, s, peer in rows]
    keep("build", ["What", "Seconds", "Plain Jupyter Book", "Ratio"], lines)


if __name__ == "__main__":
    main()
