"""A real browser, for the tests of the site and for its PDFs: found, or else installed."""

from __future__ import annotations

import gzip
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A path in this variable, else these names on the PATH, else Playwright's build in the project's
# folder, where the path of the one that was found to start is kept, too.
VARIABLE = "CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FOLDER = Path(__file__).parents[3] / ".browser"
BUILDS = ("chrome-headless-shell", "headless_shell")
# Playwright itself needs the library; letters of other fonts have other widths.
PACKAGES = ("libatomic1", "fonts-liberation", "chromium")
MEND = (
    f"install one (Debian, as root: apt-get install {' '.join(PACKAGES)}), or name its path in the "
    f"variable {VARIABLE}"
)
# Seconds to open a page, and after which a command is ended that does not show that it gets on.
OPENING, SILENCE = 30, 15
GETS_ON = re.compile(r"\d%|^(Get|Hit):|^(Preparing|Unpacking|Setting up) ")
# What tells why a command failed: the first of these, the clearest before.
TELLING = (
    r".*error while loading.*",
    r".*doesn't exist.*",
    r"(E|Err|Error)\b.*",
    r"[\w.]+Error: .*",
)
OPEN: list[Browser] = []
# Files that a static host sends as they are, for they are compressed already.
PACKED = {".woff2", ".png", ".zip", ".ico"}


class NoBrowserError(Exception):
    """No Chromium that starts is on this machine."""


def chromium() -> Path:
    """The Chromium that ``set_up`` found. Raises ``NoBrowserError`` saying what to do."""
    with suppress(OSError):
        if (path := Path((FOLDER / "found").read_text("utf-8"))).exists():
            return path
    raise NoBrowserError(
        "no Chromium is set up. Mend: call make browser, which finds one or installs it."
    )


def set_up() -> str:
    """Find a Chromium that starts, else install one; keep its path, return path and version.

    Raises ``NoBrowserError`` saying what to install.
    """
    reasons: dict[str, str] = {}
    for what, commands in (("", []), *_ways()):
        if what:
            print(f"No Chromium starts here yet. Installing {what}", flush=True)
        for command in commands:
            status, said = _call(command)
            if status:
                reasons.setdefault(what, f"installing {what}: {_reason(said)}")
        for path in _candidates():
            status, said = _call([sys.executable, "-m", __spec__.name, str(path)], OPENING)
            if status == 0:
                FOLDER.mkdir(exist_ok=True)
                (FOLDER / "found").write_text(str(path), "utf-8")
                return f"{path}, {said.strip()}"
            reasons[str(path)] = f"{path}: {_reason(said)}"
    (FOLDER / "found").unlink(missing_ok=True)
    raise NoBrowserError(f"no Chromium starts here ({'; '.join(reasons.values())}). Mend: {MEND}.")


def _candidates() -> Iterator[Path]:
    named = os.environ.get(VARIABLE)
    for name in (named,) if named else NAMES:
        if found := shutil.which(name) or named:
            yield Path(found).absolute()
    if not named:
        yield from (path for build in BUILDS for path in sorted(FOLDER.glob(f"*/*/{build}"))[::-1])


def _ways() -> Iterator[tuple[str, list[list[str]]]]:
    """What may bring a Chromium, and the commands for it; nothing where one is named."""
    if os.environ.get(VARIABLE):
        return
    shutil.rmtree(FOLDER / "__dirlock", ignore_errors=True)  # of an installer that was ended
    playwright = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    yield f"Playwright's own build (some 120 MB) in {FOLDER.name}", [playwright]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt = ["apt-get", "--quiet", "-o", "Acquire::Retries=0", "-o", "DPkg::Lock::Timeout=10"]
        snap = platform.freedesktop_os_release()["ID"] == "ubuntu"  # its chromium is one
        packages = [p for p in PACKAGES if not (snap and p == "chromium")]
        install = [*apt, "install", "--yes", "--no-install-recommends", *packages]
        commands = [[*apt, "update"], install, *([[*playwright, "--with-deps"]] if snap else [])]
        yield f"by apt-get: {' '.join(packages)}", commands


def _call(command: list[str], seconds: float = SILENCE) -> tuple[int, str]:
    """Exit status and output of a command, which is ended where it does not get on."""
    environment = os.environ | {
        "PLAYWRIGHT_BROWSERS_PATH": str(FOLDER),
        "DEBIAN_FRONTEND": "noninteractive",
        "LC_ALL": "C",
    }
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env=environment,
        start_new_session=True,
    ) as process:
        end = Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
        end.start()
        said = [f"Error: no answer in {seconds} s\n"]
        for line in process.stdout or ():
            said.append(line)
            if GETS_ON.search(line):
                end.cancel()
        end.cancel()
    return process.returncode, "".join(said[process.returncode >= 0 :])


def _reason(said: str) -> str:
    """The line that tells most of why a command failed."""
    found = (re.search(rf"^[^\w\n]*{words}", said, re.M) for words in TELLING)
    told = [match[0] for match in found if match] or said.strip().splitlines()[-1:]
    return told[0].strip()[:200] if told else "it says nothing"


def _version(path: Path) -> str:
    """The version of a Chromium that opens a page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        browser.new_page().goto("about:blank")
        return f"version {browser.version}"


@contextmanager
def browsing() -> Iterator[Browser]:
    """A headless Chromium, closed on leaving; inside another call that call's, for Playwright
    allows one at a time. Raises ``NoBrowserError``."""
    from playwright.sync_api import sync_playwright

    if OPEN:
        yield OPEN[0]
        return
    path = chromium()
    with sync_playwright() as playwright:
        # Without a sandbox of its own, which a container does not allow.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        OPEN.append(browser)
        try:
            yield browser
        finally:
            OPEN.clear()
            browser.close()


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *words: object) -> None:
        pass

    def copyfile(self, source: Any, outputfile: Any) -> None:
        with suppress(ConnectionError):  # a page that was closed takes no more
            super().copyfile(source, outputfile)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a folder on a server of its own, on this machine only."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def first_visit(browser: Browser, folder: Path, address: str, page: str) -> int:
    """``weight`` of what a page of ``folder``, served at ``address``, asks for with an empty
    cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    tab, asked = context.new_page(), []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{address}/{page}", wait_until="networkidle")
    context.close()
    return weight(folder, address, asked)


def weight(folder: Path, address: str, asked: Iterable[str]) -> int:
    """Bytes of the addresses that a page asked for, each once, as a static host sends the files of
    ``folder`` (gzip)."""
    urls = {url.partition("#")[0].partition("?")[0] for url in asked}
    paths = (folder / url.removeprefix(f"{address}/") for url in urls)
    return sum(_sent(path) for path in paths if path.is_file())


@cache
def _sent(path: Path) -> int:
    raw = path.read_bytes()
    return len(raw if path.suffix in PACKED else gzip.compress(raw, 6))


if __name__ == "__main__":
    if sys.argv[1:]:
        print(_version(Path(sys.argv[1])))  # in a process of its own, for it may hang
        sys.exit()
    try:
        print(f"Browser: {set_up()}")
    except NoBrowserError as problem:
        sys.exit(str(problem))
