"""The page of a store: what it shows, that titles stay text, and that it fetches nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from nsynth_batch.reporting.past_runs import PastRun
from nsynth_batch.reporting.status_page import StageRow, status_page, workers_of

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)>"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STAGES = (
    StageRow("harvest", 0, 0, 0, 0.0, 0.0, 2, 0, {"empty": 2}),
    StageRow("audio", 4, 3, 30, 180.0, 60.0, 1, 5_000_000, {"truncated": 1}),
)
RUNS = (
    (PastRun("b", NOW, 61.0, "nsynth-batch run", HOSTILE, 1, 75, HOSTILE, 3, 1), "75"),
    (PastRun("a", NOW, 61.0, "nsynth-batch run", "node", 1, 0, "", 3, 1), "0"),
)
SHARD = {"event": "ShardCommitted", "time": NOW.isoformat(), "summary": {"seconds": 60.0}}
LINES = (
    {"event": "RunStarted", "time": NOW.isoformat()},
    {**SHARD, "worker": "tcp://one:1"},
    {**SHARD, "worker": "tcp://two:1"},
    {**SHARD, "worker": "tcp://one:1"},
    {"event": "WorkerLost", "time": NOW.isoformat(), "worker": "tcp://two:1"},
)


def page(refresh: int = 30) -> str:
    return status_page(
        f"/srv/{HOSTILE}", STAGES, RUNS, workers_of(LINES), holder=HOSTILE, refresh=refresh, now=NOW
    )


def test_workers_are_those_of_the_log() -> None:
    one, two = workers_of(LINES)
    assert (one.address, one.shards, one.seconds, one.lost) == ("tcp://one:1", 2, 120.0, False)
    assert (two.address, two.shards, two.lost) == ("tcp://two:1", 1, True)


def test_the_page_shows_it_and_hostile_words_are_text(browser: Chrome, tmp_path: Path) -> None:
    (tmp_path / "status.html").write_text(page(), encoding="utf-8")
    browser.get_log("browser")
    browser.get((tmp_path / "status.html").as_uri())
    rows = {
        table: [
            [cell.text for cell in row.find_elements(By.CSS_SELECTOR, "th, td")]
            for row in browser.find_elements(By.CSS_SELECTOR, f"#{table} tr")
        ][1:]
        for table in ("stages", "quarantine", "runs", "workers")
    }
    assert rows["stages"] == [["audio", "", "3 of 4", "30", "3:00", "3.00", "1", "5.0 MB"]]
    assert rows["quarantine"] == [["harvest", "empty", "2"], ["audio", "truncated", "1"]]
    assert rows["runs"][0] == ["2026-01-02 03:04:05", "1:01", "75", "3", "1", HOSTILE, HOSTILE]
    assert rows["runs"][1][2] == "0"
    assert [row[:2] for row in rows["workers"]] == [["tcp://one:1", "2"], ["tcp://two:1", "1"]]
    bar = browser.find_element(By.TAG_NAME, "progress")
    assert bar.get_attribute("value") == "3"
    assert browser.find_elements(By.TAG_NAME, "script") == []
    assert browser.find_elements(By.TAG_NAME, "img") == []
    assert browser.get_log("browser") == []


def test_it_refreshes_only_where_it_is_written_again() -> None:
    assert '<meta http-equiv="refresh" content="30">' in page()
    assert "refresh" not in re.sub("<style>.*</style>", "", page(0), flags=re.DOTALL)
