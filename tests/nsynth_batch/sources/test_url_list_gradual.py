"""A list that is fetched over days, as slowly and as little as its hosts want."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from nsynth_batch.sources.web.day import PATH, next_day
from tests.components.faults import Fault, FaultProxy
from tests.nsynth_batch.recordings import write_wav
from tests.nsynth_batch.sources.lists import (
    HEADER,
    away_from_midnight,
    files,
    make_it_yesterday,
    rows,
    run,
)
from tests.nsynth_batch.sources.wikis import catalog, raw

NAMES = tuple("abcde")


@pytest.fixture
def songs(site: FaultProxy, tmp_path: Path) -> FaultProxy:
    """The server, with five recordings more."""
    for name in NAMES:
        write_wav(tmp_path / "site" / f"{name}.wav")
    return site


def test_a_list_comes_over_days(
    songs: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away_from_midnight()
    listed, store = rows(songs, *NAMES), tmp_path / "store"
    assert run(tmp_path, listed, "--per-day", "2") == 0
    printed = capsys.readouterr().err
    assert "3 recordings left: today's 2 of --per-day were asked for" in printed
    assert f"run the same command again from {next_day()}" in printed
    assert {seen.path for seen in files(songs)} == {"/a.wav", "/b.wav"}
    songs.reset()
    # The same day once more: nothing is asked for, not even the rules.
    assert run(tmp_path, listed, "--per-day", "2") == 0
    assert not songs.seen
    make_it_yesterday(store)
    assert run(tmp_path, listed, "--per-day", "2") == 0
    assert {seen.path for seen in files(songs)} == {"/c.wav", "/d.wav"}
    make_it_yesterday(store)
    capsys.readouterr()
    assert run(tmp_path, listed, "--per-day", "2") == 0
    assert "left" not in capsys.readouterr().err
    assert len(raw(store)) == len(catalog(store)) == 5
    assert len(files(songs)) == 3


def test_kills_do_not_lengthen_a_day(songs: FaultProxy, tmp_path: Path) -> None:
    away_from_midnight()
    (tmp_path / "list.csv").write_text(HEADER + rows(songs, *NAMES))
    words = (
        *(sys.executable, "-m", "nsynth_batch", "harvest", f"urls:{tmp_path / 'list.csv'}"),
        *("--store", str(tmp_path / "store"), "--contact", "tests@example.org"),
        *("--per-day", "3", "--lease-seconds", "1"),
    )
    running: list[subprocess.Popen[bytes]] = []
    songs.fail("/b.wav", Fault(halfway=lambda: os.kill(running[0].pid, signal.SIGKILL)))
    running.append(subprocess.Popen(words, stderr=subprocess.DEVNULL))
    assert running[0].wait(120) == -signal.SIGKILL
    assert run(tmp_path, rows(songs, *NAMES), "--per-day", "3", "--lease-seconds", "1") == 0
    assert 2 <= len(files(songs)) <= 3
    assert run(tmp_path, rows(songs, *NAMES), "--per-day", "3") == 0
    assert len(files(songs)) <= 3
    make_it_yesterday(tmp_path / "store")
    assert run(tmp_path, rows(songs, *NAMES), "--per-day", "5") == 0
    assert len(raw(tmp_path / "store")) == 5


def test_what_fails_each_day_does_not_hold_up_the_rest(songs: FaultProxy, tmp_path: Path) -> None:
    away_from_midnight()
    listed = rows(songs, "gone1", "gone2", "a", "b")
    flags = ("--per-day", "2", "--max-bad-fraction", "1")
    assert run(tmp_path, listed, *flags) == 0
    assert not raw(tmp_path / "store")
    make_it_yesterday(tmp_path / "store")
    songs.reset()
    assert run(tmp_path, listed, *flags) == 0
    assert {seen.path for seen in files(songs)} == {"/a.wav", "/b.wav"}
    make_it_yesterday(tmp_path / "store")
    songs.reset()
    write_wav(tmp_path / "site" / "gone2.wav")
    assert run(tmp_path, listed, *flags) == 0
    assert {seen.path for seen in files(songs)} == {"/gone1.wav", "/gone2.wav"}
    assert len(raw(tmp_path / "store")) == 3


def test_what_a_host_forbids_programs_is_quarantined(
    songs: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away_from_midnight()
    (tmp_path / "site" / "robots.txt").write_text("User-agent: *\nDisallow: /a.wav\n")
    songs.fail("/d.wav", Fault(302, {"Location": "/a.wav"}))
    listed = rows(songs, *NAMES)
    assert run(tmp_path, listed, "--per-day", "4") == 0
    assert "2 quarantined: 2 robots" in capsys.readouterr().err
    # Neither spends a number of the day that another could have, and no redirect leads there.
    assert "/a.wav" not in {seen.path for seen in files(songs)}
    assert len([seen for seen in songs.seen if seen.path == "/robots.txt"]) == 1
    assert len(raw(tmp_path / "store")) == 3
    quarantined = "".join(
        path.read_text() for path in (tmp_path / "store/quarantine/harvest").iterdir()
    )
    assert "/robots.txt asks programs to leave" in quarantined
    # A host that changes its mind is asked for it.
    (tmp_path / "site" / "robots.txt").write_text("User-agent: *\nDisallow:\n")
    assert run(tmp_path, listed) == 0
    assert len(raw(tmp_path / "store")) == 5


def test_without_rules_to_be_had_nothing_is_fetched(
    songs: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs.fail("/robots.txt", Fault(503), times=2)
    assert run(tmp_path, rows(songs, *NAMES), "--retries", "1") == 75
    assert "/robots.txt: the server answers 503" in capsys.readouterr().err
    assert not files(songs)
    assert run(tmp_path, rows(songs, *NAMES)) == 0
    assert len(raw(tmp_path / "store")) == 5


def test_a_delay_that_a_host_asks_for_is_kept(songs: FaultProxy, tmp_path: Path) -> None:
    (tmp_path / "site" / "robots.txt").write_text("User-agent: *\nCrawl-delay: 0.2\n")
    assert run(tmp_path, rows(songs, *NAMES)) == 0
    assert len(files(songs)) == 5
    for seen, later in pairwise(files(songs)):
        assert later.started - seen.ended >= 0.2


def test_pauses_of_the_settings_are_kept(
    songs: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NSYNTH_BATCH_HARVEST_PAUSE", "0.2")
    assert run(tmp_path, rows(songs, *NAMES)) == 0
    assert len(files(songs)) == 5
    for seen, later in pairwise(files(songs)):
        assert later.started - seen.ended >= 0.1


def test_a_busy_host_is_asked_when_it_wants_to(songs: FaultProxy, tmp_path: Path) -> None:
    songs.fail("/a.wav", Fault(429, {"Retry-After": "1"}))
    assert run(tmp_path, rows(songs, "a")) == 0
    refused, taken = files(songs)
    assert taken.started - refused.ended >= 1


def test_a_host_that_wants_a_long_pause_is_asked_no_more(
    songs: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away_from_midnight()
    songs.fail(".wav", Fault(503, {"Retry-After": "86400"}), times=2)
    assert run(tmp_path, rows(songs, *NAMES)) == 75
    assert "the server asks to wait 86400 s" in capsys.readouterr().err
    # Two may be on their way at once.
    assert len(files(songs)) <= 2


def test_a_preview_counts_days(
    songs: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, rows(songs, *NAMES), "--per-day", "2", "--dry-run") == 0
    assert "--per-day 2 takes 3 days for 5 recordings" in capsys.readouterr().out
    assert not songs.seen


def test_a_damaged_count_is_one_line(
    songs: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, rows(songs, "a"), "--per-day", "2") == 0
    (tmp_path / "store" / PATH).write_text("{")
    capsys.readouterr()
    assert run(tmp_path, rows(songs, "a", "b"), "--per-day", "2") == 2
    assert "delete it" in capsys.readouterr().err.splitlines()[-1]
