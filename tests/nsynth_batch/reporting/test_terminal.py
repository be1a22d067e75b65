"""What a run prints while it works."""

from __future__ import annotations

import io
import json
import re
from collections import Counter

import pytest

from hdfs_jobs.datasets.manifest import Quarantined, Summary
from hdfs_jobs.runs.events import (
    ItemQuarantined,
    ShardCommitted,
    ShardFailed,
    ShardRetried,
    StageFinished,
    StageOutcome,
    StageStarted,
)
from nsynth_batch.reporting.events import (
    DrainRequested,
    LeaseTaken,
    Note,
    RecordingsTooShort,
    RunEvent,
    RunFailed,
    harvest_progress,
)
from nsynth_batch.reporting.terminal import PlainReport, TerminalReport, report
from nsynth_batch.sources.counts import Harvest

TIMED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ .+")


def committed(shard: int, done: int) -> ShardCommitted:
    return ShardCommitted(
        "clips", Summary(shard, "d", "a", "f", 8, 8, 1000, "s", 49.9, 3.0, 0), done
    )


def finished(**changes: object) -> StageFinished:
    values: dict[str, object] = {
        "name": "clips", "shards": 2, "committed": 2, "items": 2, "rows": 16, "quarantined": 0,
        "seconds": 99.8, "wall_seconds": 61.0, "drained": False,
    }  # fmt: skip
    return StageFinished(StageOutcome(**{**values, **changes}))


def quarantined(title: str) -> ItemQuarantined:
    return ItemQuarantined("audio", 0, Quarantined("key", title, "truncated", "cut short"))


def lines(events: list[RunEvent]) -> list[str]:
    stream = io.StringIO()
    with PlainReport(stream) as plain:
        for event in events:
            plain(event)
    printed = stream.getvalue().splitlines()
    assert all(map(TIMED.fullmatch, printed)), printed
    return [line.split(" ", 1)[1] for line in printed]


def test_a_stage_begins_and_ends_with_a_line() -> None:
    printed = lines(
        [StageStarted("clips", 3, 2), committed(0, 1), committed(1, 2), finished(shards=3)]
    )
    assert printed == [
        "clips: 2 of 3 shards to do",
        "clips: 2 shards, 16 rows, 99.8 s of audio in 1:01",
    ]


def test_nothing_to_do_is_one_line() -> None:
    printed = lines([StageStarted("clips", 3, 0), finished(shards=3, committed=0)])
    assert printed == ["clips: all 3 shards are committed, nothing to do"]


def test_a_drained_stage_says_how_to_go_on() -> None:
    [line] = lines([finished(committed=0, drained=True)])
    assert line.endswith("(drained; run again to go on)")


def test_the_first_in_quarantine_are_named_on_one_line_each_and_the_rest_is_left_to_status() -> (
    None
):
    printed = lines([quarantined(f"two\nlines {i}") for i in range(20)])
    assert printed[0] == r"audio: quarantined two\nlines 0: truncated: cut short"
    assert len(printed) == 6
    assert "nsynth-batch status" in printed[-1]


def test_a_hint_names_the_store_in_use() -> None:
    printed = lines([LeaseTaken("my store"), *(quarantined(str(i)) for i in range(9))])
    assert "`nsynth-batch status --store 'my store'` lists reasons" in printed[-1]


def test_a_retry_says_why_and_when() -> None:
    [line] = lines([ShardRetried("audio", 4, 1, "OSError: gone", 2.0)])
    assert line == "audio: shard 4 failed (OSError: gone); attempt 2 in 2 s"


def test_a_shard_that_is_left_to_the_next_run_is_named_with_its_error() -> None:
    [line] = lines([ShardFailed("audio", 4, 3, "OSError: gone")])
    assert line == "audio: shard 4 is left to the next run after attempt 3: OSError: gone"


def test_a_harvest_says_how_far_it_is_between_its_begin_and_its_end() -> None:
    begun, far = Harvest(), Harvest(found=7, bytes=1_500_000)
    printed = lines(
        [harvest_progress(begun), harvest_progress(far), harvest_progress(far, ended=True)]
    )
    assert printed == ["harvest: 7 recordings, 1.5 MB copied"]


def test_collectors_of_logs_get_each_event_as_json() -> None:
    stream = io.StringIO()
    with report(stream, "json") as told:
        told(harvest_progress(Harvest(found=2, quarantined=Counter({"empty": 1}))))
        told(LeaseTaken("my-store"))
        told(ShardFailed("audio", 4, 3, "OSError: gone"))
        told(ShardRetried("audio", 4, 1, "OSError: gone", 2.0))
        told(Note("no licence", "harvest", "warning"))
        told(RunFailed(75, "a shard is left"))
    first, second, third, *rest = map(json.loads, stream.getvalue().splitlines())
    assert [first["level"], second["level"], third["level"]] == ["info", "info", "error"]
    assert [one["level"] for one in rest] == ["warning", "warning", "error"]
    assert (rest[1]["name"], rest[1]["text"]) == ("harvest", "no licence")
    assert (first["event"], first["quarantined"]) == ("HarvestProgressed", {"empty": 1})
    assert (second["event"], second["store"]) == ("LeaseTaken", "my-store")
    assert (third["event"], third["shard"]) == ("ShardFailed", 4)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Note("a line"), "a line"),
        (Note("no licence", "harvest", "warning"), "harvest: warning: no licence"),
        (RecordingsTooShort("mashups", ["Kick"]), "mashups: 1 recording too short: Kick"),
        (
            RecordingsTooShort("mashups", "abcdefg"),
            "mashups: 7 recordings too short: a, b, c, d, e and 2 more, which the log names",
        ),
        (DrainRequested("SIGTERM", 0), "draining; a second SIGTERM ends at once"),
        (DrainRequested("SIGINT", 1), "draining: 1 shard at work; a second Ctrl-C ends at once"),
        (
            DrainRequested("SIGTERM", 2),
            "draining: 2 shards at work; a second SIGTERM ends at once",
        ),
    ],
)
def test_notes_and_the_request_to_drain_are_a_line_each(event: RunEvent, line: str) -> None:
    assert lines([event]) == [line]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_with_rate_and_remaining_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    bar = report(stream)
    assert isinstance(bar, TerminalReport)
    with bar:
        for event in (
            StageStarted("clips", 2, 2), committed(0, 1), quarantined("[red]x"), finished(),
        ):  # fmt: skip
            bar(event)
    drawn = stream.getvalue()
    assert "audio-s/s" in drawn
    assert "left" in drawn
    assert "[red]x" in drawn
    assert "16 rows" in drawn


def test_anything_else_gets_lines() -> None:
    assert type(report(io.StringIO())) is PlainReport


def test_a_quiet_report_has_what_went_wrong_and_the_request_to_drain() -> None:
    events = [
        LeaseTaken("my store"),
        StageStarted("clips", 3, 2),
        ShardRetried("clips", 1, 1, "OSError: gone", 2.0),
        committed(0, 1),
        Note("fine", "harvest"),
        Note("no licence", "harvest", "warning"),
        DrainRequested("SIGTERM", 0),
        finished(),
    ]
    text, coded = io.StringIO(), io.StringIO()
    for stream, form in ((text, "text"), (coded, "json")):
        with report(stream, form, quiet=True) as quiet:
            for event in events:
                quiet(event)
    assert [line.split(" ")[1] for line in text.getvalue().splitlines()] == [
        "clips:",
        "harvest:",
        "draining;",
    ]
    assert [json.loads(line)["event"] for line in coded.getvalue().splitlines()] == [
        "ShardRetried",
        "Note",
        "DrainRequested",
    ]
