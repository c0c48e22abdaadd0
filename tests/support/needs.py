"""What the tests need of the machine beyond Python packages: a Chromium, and libfaketime.

``make test`` calls this first. What is missing is installed where that works without root;
otherwise it says what to install, and no test is skipped in silence.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str | None:
    """The machine's Chromium, else Playwright's own if it has been downloaded."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def faketime_library() -> Path | None:
    """What gives a process another clock, if the machine has it."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


def main() -> None:
    """Makes sure of both, or exits with what to install."""
    if faketime_library() is None:
        sys.exit("The tests of clocks need libfaketime. On Debian: apt-get install faketime")
    if chromium_path() is not None:
        return
    print("No Chromium on the PATH: downloading Playwright's own")
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    if chromium_path() is None:
        sys.exit("The browser tests need Chromium. On Debian or Ubuntu: apt-get install chromium")


if __name__ == "__main__":
    main()
