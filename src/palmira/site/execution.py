"""Runs chapters side by side, each in a fork of one process that has the libraries loaded.

To start a kernel, import the libraries and shut it down is most of what a chapter costs; here that
is paid once. A chapter runs again when its code, or a module of the package or a file that its last
run used, has changed, or the lock, or Python; otherwise its kept outputs serve.
"""

from __future__ import annotations

import builtins
import gc
import hashlib
import importlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from time import perf_counter
from typing import Any, NoReturn

from nbformat.v4 import new_output

from palmira.site.cells import KERNEL, PLOTS, Fault, outputs_of, shell

# Loaded before the first fork.
_LIBRARIES = """
numpy pandas scipy.stats scipy.optimize scipy.integrate matplotlib.pyplot
matplotlib.backends.backend_svg matplotlib_inline.backend_inline seaborn lifelines
lifelines.statistics statsmodels.duration.hazard_regression statsmodels.duration.survfunc
statsmodels.genmod.generalized_linear_model statsmodels.stats.proportion
statsmodels.formula.api statsmodels.stats.contingency_tables statsmodels.stats.meta_analysis
statsmodels.nonparametric.smoothers_lowess formulaic pydantic.main
pydantic.functional_validators pydantic.types pydantic.json_schema yaml joblib numba
"""
LIBRARIES = tuple(_LIBRARIES.split())
# What libraries import if it is there, and need not: each starts threads, which no fork survives.
THREADED = ("polars", "pyarrow")
# macOS has it, but its own libraries may not be used after it.
FORKS = hasattr(os, "fork") and sys.platform != "darwin"
PACKAGE = "palmira"
IMPORTED = re.compile(rf"^\s*(?:from|import)\s+({PACKAGE}[\w.]*)", re.MULTILINE)
FOLDER = Path("_build", ".executed")
LIBRARY = f"{Path(sys.prefix, 'lib')}{os.sep}"
NOT_SOURCES = {"_build", ".venv", ".git", "__pycache__"}
LISTED = "data"  # where the names in a folder matter; elsewhere only imports list folders
LIMIT = 600  # seconds a chapter may take
KEPT = 6  # runs of a chapter that are kept
LOADED = "PALMIRA_LIBRARIES_LOADED"  # in the environment of a process that has them: watch
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
Run = dict[str, Any]  # "outputs" (a list a cell), "seconds", "used" (file: digest) and "key"


class Runs:
    """What is kept of the runs of chapters below ``root``. A chapter is known by its ``name``
    (path below ``root`` without ending) and its ``code`` (source of each code cell)."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._digests: dict[str, str] = {}
        self._runner: subprocess.Popen[str] | None = None
        self._frame = [platform.python_version(), self._digest("requirements.lock"), _own()]

    def find(self, name: str, code: Sequence[str]) -> Run | None:
        """The run that still holds, if there is one."""
        kept = self._home(name).glob(f"{self._word(code)}-*.json")
        for path in sorted(kept, key=lambda p: -p.stat().st_mtime):
            try:
                run: Run = json.loads(path.read_text("utf-8"))
                holds = all(self._digest(file) == word for file, word in run["used"].items())
            except (OSError, ValueError, KeyError, TypeError):  # not ours, or spoiled: run again
                continue
            if holds and len(run.get("outputs", ())) == len(code):
                return run
        return None

    def fault(self, name: str, code: Sequence[str]) -> Fault | None:
        """Where the last ``fill`` saw the chapter fail."""
        path = self._home(name) / f"{self._word(code)}.fault"
        return Fault(*json.loads(path.read_text("utf-8"))) if path.exists() else None

    def blame(self, name: str, code: Sequence[str], fault: Fault) -> None:
        """Tell the process that called ``fill`` of a chapter that failed."""
        home = self._home(name)
        home.mkdir(parents=True, exist_ok=True)
        (home / f"{self._word(code)}.fault").write_text(json.dumps(fault), "utf-8")

    def keep(self, name: str, code: Sequence[str], run: Run, used: set[str]) -> None:
        """Keep a run that used these files; forget the oldest."""
        run["used"] = {file: self._digest(file) for file in sorted(used)}
        run["key"] = f"{self._word(code)}-{_short(json.dumps(run['used']))}"
        home = self._home(name)
        home.mkdir(parents=True, exist_ok=True)
        beside = home / f"{os.getpid()}.new"
        beside.write_text(json.dumps(run), "utf-8")
        beside.replace(home / f"{run['key']}.json")
        for old in sorted(home.glob("*.json"), key=lambda p: p.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)

    def start(self, libraries: Sequence[str] = LIBRARIES) -> None:
        """Begin to load the libraries in a process of their own, beside what else is done."""
        if self._runner is None and FORKS and LOADED not in os.environ:
            command = [sys.executable, "-m", __name__, str(self.root), *libraries]
            self._runner = subprocess.Popen(
                command, stdin=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD | PLOTS
            )

    def fill(
        self, chapters: Mapping[str, Sequence[str]], libraries: Sequence[str] = LIBRARIES
    ) -> None:
        """Run the chapters (name: code) of which no kept run holds, as many at a time as there are
        processors. One that fails leaves its ``fault``; one that lasts longer than ``LIMIT``
        leaves nothing, nor does any where processes should not be forked."""
        for pattern in ("*/*.new", "*/*.fault"):  # of a build that was killed, or is over
            for old in (self.root / FOLDER).glob(pattern):
                old.unlink(missing_ok=True)
        missing = {name: code for name, code in chapters.items() if not self.find(name, code)}
        if missing and LOADED in os.environ:
            if (pid := os.fork()) == 0:
                _side_by_side(self.root, missing)
            os.waitpid(pid, 0)
        elif missing:
            self.start(libraries)
        if self._runner:
            if not missing:
                self._runner.kill()
            self._runner.communicate(json.dumps(missing))
            self._runner = None

    def _home(self, name: str) -> Path:
        return self.root / FOLDER / name.replace("/", ".")

    def _word(self, code: Sequence[str]) -> str:
        return _short(json.dumps([*self._frame, *code]))

    def _digest(self, file: str) -> str:
        """Of what a file holds, or of the names in a folder; empty where there is none."""
        if file not in self._digests:
            path, content = self.root / file, b""
            if path.is_dir():
                content = "/".join(sorted(p.name for p in path.iterdir())).encode()
            elif path.is_file():
                content = path.read_bytes()
            self._digests[file] = _short(content)
        return self._digests[file]


def _short(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()[
        :16
    ]


def _own() -> str:
    own = (Path(__file__).with_name(name) for name in ("execution.py", "cells.py", KERNEL))
    return _short(b"".join(path.read_bytes() for path in own))


class _Traced:
    """What is opened and imported in this process: ``touched`` files and folders, and the modules
    of the package that each module, or the chapter (``__main__``), imports."""

    def __init__(self) -> None:
        self.touched: set[str] = set()
        self.imports: dict[str, set[str]] = {}
        self._import = builtins.__import__
        sys.addaudithook(self._note)
        builtins.__import__ = self._imported

    def _note(self, event: str, args: tuple[object, ...]) -> None:
        named = event in ("open", "os.listdir", "os.scandir") and args
        if named and isinstance(args[0], str | os.PathLike):
            self.touched.add(os.fspath(args[0]))

    def _imported(self, name: str, *how: Any, **by_name: Any) -> Any:
        module = self._import(name, *how, **by_name)
        if name.partition(".")[0] == PACKAGE:
            importer = (how[0] if how else by_name.get("globals")) or {}
            names = (how[2] if len(how) > 2 else by_name.get("fromlist")) or ()
            found = self.imports.setdefault(importer.get("__name__", "__main__"), set())
            found.update([name, *(f"{name}.{n}" for n in names)])
        return module

    def modules(self) -> set[str]:
        """The modules that the chapter imports, with all that these import."""
        found: set[str] = set()
        waiting = {"__main__"}
        while waiting:
            name = waiting.pop()
            found.add(name)
            packages = accumulate(name.split("."), "{}.{}".format)
            waiting |= ({*packages} | self.imports.get(name, set())) - found
        return found


def _load_package(code: str) -> _Traced:
    """Load what of the package the chapters' ``code`` imports, once for all forks, and the records,
    which ``load`` keeps by their text."""
    traced = _Traced()
    for module in [m for m in sys.modules if m.partition(".")[0] == PACKAGE]:
        del sys.modules[module]  # may be older than its file
    sys.path[0] = ""
    for module in sorted(set(IMPORTED.findall(code))):
        with suppress(Exception):  # a chapter that meets it will say what is wrong
            importlib.import_module(module)
    if record := sys.modules.get(f"{PACKAGE}.record"):
        before = {file for file in traced.touched if not file.endswith(".py")}
        for path in sorted((record.DATA / "published").glob("*.yaml")):
            with suppress(Exception):
                record.published(path.stem)
        traced.touched &= before  # a chapter reads those that it uses
    return traced


def _run(runs: Runs, name: str, code: Sequence[str], traced: _Traced) -> None:
    """Run one chapter in this process, a fork, and keep what it puts out and used."""
    os.chdir((runs.root / name).parent)
    _usual_warnings()
    signal.alarm(LIMIT)
    before = perf_counter()
    outputs = outputs_of(code)
    if isinstance(outputs, Fault):
        return runs.blame(name, code, outputs)
    known = {m for m in sys.modules if m.partition(".")[0] == PACKAGE}
    if not re.search("import_module|__import__", "\n".join(code)):  # which are not traced
        known &= traced.modules()
    files = {str(getattr(sys.modules[m], "__file__", "")) for m in known}
    used = {source for file in traced.touched | files if (source := _below(runs.root, file))}
    runs.keep(name, code, {"outputs": outputs, "seconds": perf_counter() - before}, used)


def _below(root: Path, file: str) -> str | None:
    """A file's path below the root; None for what is no source."""
    if file.startswith(LIBRARY):  # most of what is opened
        return None
    try:
        path = Path(file).resolve().relative_to(root)
    except ValueError:
        return None
    if NOT_SOURCES & set(path.parts) or ((root / path).is_dir() and path.parts[:1] != (LISTED,)):
        return None
    return path.as_posix()


def _usual_warnings() -> None:
    """Warnings as a new Python shows them."""
    warnings.resetwarnings()
    for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", kind)
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")


def _main(root: Path, *libraries: str) -> None:
    """Load the libraries, then run the chapters told on standard input."""
    load(libraries)
    if told := sys.stdin.read():  # else whoever started this is gone
        _side_by_side(root, json.loads(told))


def load(modules: Iterable[str]) -> None:
    """Import what is there of some modules, without what starts threads; a fork may import that."""
    kept_out = set(THREADED) - set(sys.modules)
    sys.modules.update(dict.fromkeys(kept_out))  # type: ignore[arg-type]
    for module in modules:
        with suppress(ImportError):
            importlib.import_module(module)
    for name in kept_out:
        del sys.modules[name]


def _side_by_side(root: Path, chapters: Mapping[str, Sequence[str]]) -> NoReturn:
    """Fork for each chapter, so many at once as there are processors; then leave the process."""
    runs = Runs(root)
    new_output("stream")  # compiles nbformat's schema, once for all forks
    shell()
    traced = _load_package("\n".join(cell for code in chapters.values() for cell in code))
    gc.freeze()  # to look through all libraries again and again would cost each fork a second
    gc.disable()
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # The longest first, so that none is left to run alone.
    longest = sorted(chapters, key=lambda name: -sum(map(len, chapters[name])))
    for name in longest:
        code = chapters[name]
        if free == 0:
            os.wait()
        else:
            free -= 1
        if os.fork() == 0:
            try:
                _run(runs, name, code, traced)
            finally:
                os._exit(0)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            os._exit(0)  # to take down so many libraries would take a second


if __name__ == "__main__":
    _main(Path(sys.argv[1]), *sys.argv[2:])
