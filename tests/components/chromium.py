"""A headless Chromium, driven by its own driver; nothing is downloaded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from tests.components.needs import program

_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--no-first-run", "--disable-component-update", "--disable-sync", "--mute-audio"),
    *("--disable-dev-shm-usage", "--window-size=1360,900"),
)


@contextlib.contextmanager
def chromium(
    profile: Path, downloads: Path, size: tuple[int, int] = (1360, 900)
) -> Iterator[Chrome]:
    """Start a browser with a profile of its own; it ends with the block."""
    options = Options()
    options.binary_location = str(program("chromium"))
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    downloads.mkdir(exist_ok=True)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    browser = Chrome(options=options, service=Service(str(program("chromedriver"))))
    try:
        yield browser
    finally:
        browser.quit()
