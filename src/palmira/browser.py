"""A real browser, for the tests of the site and for its PDFs."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Names that a Chromium goes by; a path in this variable comes first.
VARIABLE = "CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPEN: list[Browser] = []
# Files that a static host sends as they are, for they are compressed already.
PACKED = {".woff2", ".png", ".zip", ".ico"}


class NoBrowserError(Exception):
    """No Chromium was found on this machine."""


def chromium() -> Path:
    """The path of a Chromium. Raises ``NoBrowserError`` saying what to install."""
    for name in filter(None, (os.environ.get(VARIABLE), *NAMES)):
        if found := shutil.which(name):
            return Path(found)
    raise NoBrowserError(
        "no Chromium was found. Mend: install one (Debian: apt install chromium), or name its path "
        f"in the variable {VARIABLE}."
    )


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
