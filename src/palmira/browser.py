"""A real browser, for the tests of the site and for its PDFs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Names that a Chromium goes by; a path in this variable comes first.
VARIABLE = "CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPEN: list[Browser] = []


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
