"""The spool: a rendering that is killed goes on, and an edit needs only what it touched."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sequencer.cli import main
from sequencer.clips.clips import Clip
from sequencer.errors import OutputError
from sequencer.rendering.spool import Spool, SpoolInUse
from sequencer.score.files import read_score, score_json
from sequencer.score.score import Event, Layer, Score
from tests.sequencer.rendered import opened, score_of, written
from tests.sequencer.sounds import RATE, encoded, noise, pluck
from tests.waiting import until

ROOT = Path(__file__).parents[2]
COMMAND = "import sys; from sequencer.cli import main; sys.exit(main())"
SPAN = 30 * RATE


def ones() -> list[np.ndarray]:
    return [np.ones(1000, np.float32)]


def test_an_entry_is_made_once_and_again_when_it_is_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    made = 0

    def make() -> list[np.ndarray]:
        nonlocal made
        made += 1
        return ones()

    for damage in [None, "nothing", "cut", "flip", "longer"]:
        with Spool(folder, keep=True) as spool:
            entry = folder / "a.f32"
            if damage == "cut":
                os.truncate(entry, 1000)
            elif damage == "flip":
                data = bytearray(entry.read_bytes())
                data[500] ^= 1
                entry.write_bytes(data)
            elif damage == "longer":
                entry.write_bytes(entry.read_bytes() + b"x")
            spool.keep("a", 1000, make)
            np.testing.assert_array_equal(spool.read("a", 10, 20), np.ones(10))
    assert made == 4


def test_what_is_not_used_goes_and_what_fails_stays(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "spool"
    with pytest.raises(ZeroDivisionError), Spool(folder) as spool:
        spool.keep("a", 1000, ones)
        raise ZeroDivisionError
    assert (folder / "a.f32").is_file()
    (folder / "b.1234.part").write_bytes(b"half")
    (folder / "notes.txt").write_text("somebody's")
    with Spool(folder, keep=True) as spool:
        spool.keep("c", 1000, ones)
    assert {path.name for path in folder.iterdir()} == {"c.f32", "lock", "notes.txt"}
    with Spool(folder):
        pass
    assert {path.name for path in folder.iterdir()} == {"notes.txt"}


def test_two_processes_do_not_share_a_spool(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool", keep=True) as spool:
        spool.keep("a", 1000, ones)
        with pytest.raises(SpoolInUse, match="another process renders with this spool") as caught:
            Spool(tmp_path / "spool").__enter__()
        assert caught.value.exit_code == 75


def test_a_spool_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="cannot be written") as caught:
        Spool(tmp_path / "file").__enter__()
    assert (caught.value.path, caught.value.cause.errno) == (tmp_path / "file", errno.EEXIST)


@pytest.fixture
def score(tmp_path: Path) -> Score:
    """Five spans: in each of the first four an event of its own, and one join over a border."""
    names = "abcd"
    sounds = {name: noise(4.0, 0.1, number) for number, name in enumerate(names)}
    events = [Event(n * SPAN + 1000, name, 0, 4 * RATE) for n, name in enumerate(names)]
    border = 4 * SPAN
    events += [
        Event(border - 3 * RATE, "a", 0, 4 * RATE, fade_out=2 * RATE, layer="other"),
        Event(border - RATE, "b", 0, 4 * RATE, fade_in=2 * RATE, layer="other"),
    ]
    made = score_of(tmp_path, sounds, sorted(events, key=lambda e: e.start), 5 * SPAN)
    return replace(made, layers=(Layer("main"), Layer("other")))


def mixed_again(score: Score, folder: Path) -> int:
    with opened(score, folder, folder / "spool") as mix:
        list(mix.blocks())
        return mix.made


def test_an_edit_needs_only_the_spans_it_touched(score: Score, tmp_path: Path) -> None:
    assert mixed_again(score, tmp_path) == 5
    assert mixed_again(score, tmp_path) == 0
    events = list(score.events)
    louder = [replace(events[1], gain_db=-3.0) if e is events[1] else e for e in events]
    assert mixed_again(replace(score, events=tuple(louder)), tmp_path) == 1
    mixed_again(score, tmp_path)
    # Without one side of the join, both spans it lies in change.
    without = tuple(e for e in events if (e.layer, e.clip) != ("other", "a"))
    assert mixed_again(replace(score, events=without), tmp_path) == 2
    mixed_again(score, tmp_path)
    # The master, notes and words are no part of the mix.
    words = tuple(replace(event, why="because") for event in events)
    master = replace(score.master, gain_db=-6.0, fade_in=100)
    assert mixed_again(replace(score, events=words, master=master), tmp_path) == 0
    layers = (Layer("main"), Layer("other", -2.0))
    assert mixed_again(replace(score, layers=layers), tmp_path) == 2


def test_another_sound_under_the_same_name_is_mixed_anew(score: Score, tmp_path: Path) -> None:
    mixed_again(score, tmp_path)
    (tmp_path / "c.wav").write_bytes(encoded(noise(4.0, 0.1, 99), subtype="FLOAT"))
    assert mixed_again(score, tmp_path) == 1


def test_a_kept_spool_serves_another_output(score: Score, tmp_path: Path) -> None:
    first = written(score, tmp_path, "x.wav", spool=tmp_path / "kept", keep_spool=True)
    assert first.spans_mixed == 5
    fewer = replace(score, events=tuple(e for e in score.events if e.clip != "d"))
    part = written(fewer, tmp_path, "y.wav", spool=tmp_path / "kept", keep_spool=True)
    assert part.spans_mixed == 1
    assert written(fewer, tmp_path, "z.wav").out.read_bytes() == part.out.read_bytes()
    assert not list(tmp_path.glob(".*.spool"))


def at_least(count: int, spool: Path) -> bool:
    return len(list(spool.glob("*.f32"))) >= count


def command(folder: Path, name: str) -> list[str]:
    return [
        *(sys.executable, "-c", COMMAND, "render", str(folder / "x.score.json")),
        *("--clips", str(folder), "-o", str(folder / name / "x.wav"), "--sample-rate", "22050"),
    ]


def test_a_killed_rendering_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    clips, events = {}, []
    for number in range(6):
        name = f"{number}.wav"
        (tmp_path / name).write_bytes(encoded(pluck(3.0, 150 + 70 * number)))
        clips[name] = Clip(name, name, seconds=3.0)
    fade = RATE // 2
    for number in range(200):
        start = number * (3 * RATE - fade)
        events.append(
            Event(start, f"{number % 6}.wav", 0, 3 * RATE, 0.0, fade if number else 0, fade)
        )
    score = score_of(tmp_path, {}, events, events[-1].end, clips=clips)
    (tmp_path / "x.score.json").write_text(score_json(score))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    whole = command(tmp_path, "whole")
    subprocess.run(whole, env=environment, check=True, capture_output=True)
    spool = tmp_path / "killed" / ".x.wav.spool"
    kept: list[int] = []
    # At the first span, in the middle, and in the last pass, when the output is being written.
    for least in (1, 8, 17):
        process = subprocess.Popen(
            command(tmp_path, "killed"), env=environment, stderr=subprocess.DEVNULL
        )
        until(partial(at_least, least, spool), process=process, pause=0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        kept.append(len(list(spool.glob("*.f32"))))
        assert not (tmp_path / "killed" / "x.wav").exists()
    assert kept == sorted(kept)
    assert 1 <= kept[0] < kept[2]
    before = {path: path.stat().st_mtime_ns for path in spool.glob("*.f32")}
    done = subprocess.run(
        [*command(tmp_path, "killed"), "--keep-spool"], env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    killed = (tmp_path / "killed" / "x.wav").read_bytes()
    assert killed == (tmp_path / "whole" / "x.wav").read_bytes()
    subprocess.run(command(tmp_path, "killed"), env=environment, check=True, capture_output=True)
    assert not spool.exists()


def test_a_spool_in_use_is_one_line_and_75(score: Score, tmp_path: Path) -> None:
    (tmp_path / "x.score.json").write_text(score_json(score))
    spool = tmp_path / "a" / ".x.wav.spool"
    spool.mkdir(parents=True)
    with (spool / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            command(tmp_path, "a"),
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 75
    assert done.stderr.count("\n") == 1
    assert "another process renders with this spool" in done.stderr


def test_without_a_recording_only_what_it_touched_is_mixed(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for number in range(8):
        (clips / f"{number}.wav").write_bytes(encoded(pluck(8.0, 150 + 70 * number)))
    out = tmp_path / "x.wav"
    spool = ["--spool", str(tmp_path / "spool"), "--keep-spool"]
    assert main(["compose", str(clips), "-o", str(out), "--minutes", "4", *spool]) == 0
    before = {path.name for path in (tmp_path / "spool").glob("*.f32")}
    whole = read_score(tmp_path / "x.score.json")
    once = tuple(event for event in whole.events if event.clip != "3.wav")
    kept = whole.events.index(next(event for event in whole.events if event.clip == "3.wav"))
    rare = replace(whole, events=tuple(sorted({*once, whole.events[kept]}, key=lambda e: e.start)))
    (tmp_path / "rare.json").write_text(score_json(rare))
    render = ["render", str(tmp_path / "rare.json"), "--clips", str(clips), *spool]
    assert main([*render, "-o", str(tmp_path / "rare.wav")]) == 0
    rare_spans = {path.name for path in (tmp_path / "spool").glob("*.f32")}
    assert len(rare_spans) == len(before) == 8
    assert main([*render, "-o", str(tmp_path / "y.wav"), "--without", "3"]) == 0
    after = {path.name for path in (tmp_path / "spool").glob("*.f32")}
    assert 1 <= len(after - rare_spans) <= 2
    left = read_score(tmp_path / "y.score.json")
    assert "3.wav" not in left.clips
    assert left.master == whole.master
    # The same as mixing all of it.
    again = ["render", str(tmp_path / "y.score.json"), "--clips", str(clips)]
    assert main([*again, "-o", str(tmp_path / "z.wav")]) == 0
    assert (tmp_path / "z.wav").read_bytes() == (tmp_path / "y.wav").read_bytes()
