"""Lists of URLs of the tests, and how they are harvested."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path

from nsynth_batch.cli import main
from nsynth_batch.sources.web.day import PATH, today
from tests.components.faults import FaultProxy, Seen

HEADER = "file,author,licence,category,url\n"


def rows(site: FaultProxy, *names: str) -> str:
    """Give the rows of a list of wav files that a server has."""
    return "".join(f"{name},Ann,CC0-1.0,,http://{site.host}/{name}.wav\n" for name in names)


def run(tmp_path: Path, listed: str, *flags: str) -> int:
    """Harvest a list in this process; the exit code."""
    (tmp_path / "list.csv").write_text(HEADER + listed)
    return main(
        [
            *("harvest", f"urls:{tmp_path / 'list.csv'}", "--store", str(tmp_path / "store")),
            *("--contact", "tests@example.org", *flags),
        ]
    )


def files(site: FaultProxy) -> list[Seen]:
    """Give the requests that a server saw, but for its rules."""
    return [seen for seen in list(site.seen) if seen.path != "/robots.txt"]


def away_from_midnight() -> None:
    """Wait until a day (UTC) has more than a minute left: a test's day stays one."""
    while time.time() % 86_400 > 86_340:
        time.sleep(1)


def make_it_yesterday(store: Path) -> None:
    """Date what a store counted today a day back."""
    path = store / PATH
    yesterday = (today() - timedelta(days=1)).isoformat()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"day": yesterday}))
