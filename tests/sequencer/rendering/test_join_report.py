"""The report of joins: what each law does, hard cuts, and real clips within limits."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from sequencer.composing.candidates import find_candidates
from sequencer.composing.compose import compose
from sequencer.piece import write_piece
from sequencer.rendering.join_report import JoinFigures, joins_csv, joins_summary, measure_joins
from sequencer.rendering.output_paths import Writing
from sequencer.score.score import Event, FadeLaw, Score
from tests.sequencer.rendered import opened, score_of
from tests.sequencer.sounds import RATE, RECORDINGS, noise, tone


def figures(score: Score, folder: Path, spool: Path) -> list[JoinFigures]:
    with opened(score, folder, spool) as mix:
        return measure_joins(score, mix.mixer)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("law", "same", "level", "dip"),
    [
        ("matched", True, 0.0, 0.0),
        ("matched", False, 0.0, 0.0),
        ("equal-power", False, 0.0, 0.0),
        ("equal-power", True, 2.14, 2.91),
        ("linear", False, -1.76, -2.85),
        ("linear", True, 0.0, 0.0),
    ],
)
def test_each_law_is_seen(
    tmp_path: Path, law: FadeLaw, same: bool, level: float, dip: float, channels: int
) -> None:
    sound = noise(6.0, 0.1, 1)
    sounds = {"a": sound[: 4 * RATE], "b": sound[2 * RATE :] if same else noise(4.0, 0.1, 2)}
    fade = 2 * RATE
    events = [
        Event(0, "a", 0, 4 * RATE, fade_out=fade),
        Event(2 * RATE, "b", 0, 4 * RATE, fade_in=fade),
    ]
    score = score_of(tmp_path, sounds, events, 6 * RATE, fade_law=law, channels=channels)
    (join,) = figures(score, tmp_path, tmp_path / "spool")
    assert (join.at, join.seconds, join.layer, join.before, join.after) == (2, 2, "main", "a", "b")
    assert join.level_db == pytest.approx(level, abs=0.2)
    assert join.dip_db == pytest.approx(dip, abs=0.3)
    assert join.click_db < 1.0


def test_a_hard_cut_stands_out(tmp_path: Path) -> None:
    sounds = {"a": tone(1.0, 100), "b": tone(1.0, 133)}
    cut = [Event(0, "a", 0, 15_900), Event(15_900, "b", 70, 15_000)]
    soft = [
        replace(cut[0], length=16_000, fade_out=100),
        replace(cut[1], fade_in=100),
    ]
    hard, faded = (
        figures(score_of(tmp_path, sounds, events, 30_900), tmp_path, tmp_path / "spool")[0]
        for events in (cut, soft)
    )
    assert hard.click_db > 20
    assert hard.level_db is None
    assert faded.click_db < 3
    summary = joins_summary([hard, faded])
    assert f"2 joins, level {faded.level_db:+.2f} dB" in summary
    assert f"1 click to look at: the loudest {hard.click_db:+.2f} dB over" in summary
    assert "at 0.99 s" in summary
    assert joins_summary([faded]).endswith("no click stands out")


def test_the_joins_of_real_clips_hold(tmp_path: Path) -> None:
    score = compose(find_candidates(RECORDINGS).candidates, 2.0, 4)
    out = tmp_path / "x.wav"
    piece = write_piece(score, RECORDINGS, out, writing=Writing(report=True))
    with (tmp_path / "x.joins.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) > 15
    assert piece.joins.startswith(f"{len(rows)} joins, level ")
    for row in rows:
        assert abs(float(row["level_db"])) < 0.5, row
        assert abs(float(row["dip_db"])) < 3, row
        assert float(row["click_db"]) < 1, row


def test_no_joins_are_a_table_too() -> None:
    assert joins_csv([]).startswith("at,seconds,layer,before,after,correlation,level_db")
    assert joins_summary([]).startswith("no joins: ")
