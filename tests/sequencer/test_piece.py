from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sequencer.cli import main
from sequencer.clips.clips import Clip, Parent, write_clips_jsonl
from sequencer.commands.options import report_piece
from sequencer.credits.credits import credits_text
from sequencer.errors import SequencerError
from sequencer.piece import Piece, make_piece, write_piece
from sequencer.rights.rights import Rights
from sequencer.score.files import read_score
from tests.sequencer.sounds import RATE, RECORDINGS, encoded, noise, pluck
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A small clips export: six mash-ups of four recordings, one of them without a licence."""
    folder = tmp_path / "clips dir"
    folder.mkdir()
    licences = ["CC-BY-4.0", "CC0-1.0", "CC-BY-SA-3.0", "LicenseRef-unknown"]
    parents = [
        Parent(str(n) * 40, rights=Rights(f"Sound {n}", f"Author {n}", licence))
        for n, licence in enumerate(licences)
    ]
    clips = []
    for number, (a, b) in enumerate([(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3)]):
        name = f"clip {number}.wav"
        (folder / name).write_bytes(encoded(pluck(2.0 + number / 7, 150 + 90 * number)))
        clips.append(
            Clip(f"id{number}", name, mash_id=f"m{number}", parents=(parents[a], parents[b]))
        )
    write_clips_jsonl(folder, clips)
    return folder


def render_piece(score_path: Path, folder: Path, out: Path) -> Piece:
    return write_piece(read_score(score_path), folder, out, unchanged=score_path)


def run(*arguments: object) -> tuple[int, str, str]:
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), errors.getvalue()


def contents(*paths: Path) -> list[bytes]:
    return [path.read_bytes() for path in paths]


def test_compose_writes_sound_score_and_credits(export: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "piece.wav"
    code, printed, warnings = run("compose", export, "-o", out, "--minutes", 0.25, "--seed", 7)
    assert code == 0, warnings
    assert f"{out}: 0:15" in printed
    information = soundfile.info(out)
    assert (information.frames, information.samplerate, information.channels) == (
        15 * RATE,
        RATE,
        1,
    )
    assert information.subtype == "PCM_16"
    credits_written = out.with_name("piece.credits.txt").read_text()
    for number in range(4):
        assert f'"Sound {number}" by Author {number}' in credits_written
    assert "clips were played again" in warnings
    assert "licence of the result cannot be stated, since that of " in warnings
    assert sorted(path.name for path in out.parent.iterdir()) == [
        *("piece.credits.txt", "piece.score.json", "piece.wav")
    ]


def test_same_seed_same_bytes_wherever_it_is_written(export: Path, tmp_path: Path) -> None:
    first = make_piece(export, tmp_path / "a" / "x.wav", minutes=0.3, seed=7)
    second = make_piece(export, tmp_path / "b" / "x.wav", minutes=0.3, seed=7)
    other = make_piece(export, tmp_path / "c" / "x.wav", minutes=0.3, seed=8)
    one, two, three = (
        contents(piece.out, piece.score_path, piece.credits_path)
        for piece in (first, second, other)
    )
    assert one == two
    assert one[0] != three[0]
    assert str(tmp_path).encode() not in b"".join(one)


def test_rendering_its_own_score_gives_the_same_bytes(export: Path, tmp_path: Path) -> None:
    piece = make_piece(export, tmp_path / "x.wav", minutes=0.3, seed=7)
    again = render_piece(piece.score_path, export, tmp_path / "y.wav")
    assert contents(piece.out, piece.score_path, piece.credits_path) == contents(
        again.out, again.score_path, again.credits_path
    )
    before = piece.score_path.read_bytes() + b"\n \n"
    piece.score_path.write_bytes(before)
    render_piece(piece.score_path, export, piece.out)
    assert piece.score_path.read_bytes() == before


def test_an_edited_score_is_rendered_and_a_wrong_one_named(export: Path, tmp_path: Path) -> None:
    piece = make_piece(export, tmp_path / "x.wav", minutes=0.3, seed=7)
    value = json.loads(piece.score_path.read_text())
    value["events"] = value["events"][:1]
    value["events"][0]["fade_out"] = 0.1
    value["seconds"] = 2.0
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(value))
    code, _, errors = run("render", edited, "--clips", export, "-o", tmp_path / "y.flac")
    assert code == 0, errors
    assert soundfile.info(tmp_path / "y.flac").frames == 2 * RATE
    value["events"][0]["gain_db"] = "loud"
    edited.write_text(json.dumps(value))
    code, _, errors = run("render", edited, "--clips", export, "-o", tmp_path / "y.flac")
    assert code == 2
    assert "edited.json, line 1, event 1, field 'gain_db'" in errors


def test_hours_are_told_alike_in_the_report_and_the_credits(
    export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    piece = make_piece(export, tmp_path / "x.wav", minutes=0.1, seed=7)
    rate = piece.score.sample_rate
    score = replace(piece.score, samples=3725 * rate)
    report_piece(replace(piece, score=score, rendered=replace(piece.rendered, frames=3725 * rate)))
    assert f"{piece.out}: 1:02:05, " in capsys.readouterr().out
    assert "This composition (1:02:05, " in credits_text(score)


def test_the_credits_go_where_they_are_told(export: Path, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "credits.txt"
    code, _, _ = run(
        "compose", export, "-o", tmp_path / "x.wav", "--minutes", 0.1, "--credits", path
    )
    assert code == 0
    assert path.read_text().startswith("Credits\n")
    assert not (tmp_path / "x.credits.txt").exists()
    with pytest.raises(SequencerError, match="a file of their own"):
        make_piece(export, tmp_path / "x.wav", minutes=0.1, seed=1, credits=tmp_path / "x.wav")


def test_a_recording_is_not_overwritten_but_a_composition_is(export: Path) -> None:
    out = export / "clip 0.wav"
    before = out.read_bytes()
    code, _, errors = run("compose", export, "-o", out, "--minutes", 0.1)
    assert (code, "--replace" in errors) == (2, True)
    assert out.read_bytes() == before
    piece = export / "piece.wav"
    for _ in range(2):
        code, _, errors = run("compose", export, "-o", piece, "--minutes", 0.1)
        assert code == 0, errors


def test_a_piece_in_its_own_folder_does_not_feed_the_next(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.wav").write_bytes(encoded(pluck(1.0, 200 + 100 * number)))
    first = make_piece(tmp_path, tmp_path / "piece.wav", minutes=0.1, seed=1)
    bytes_before = first.out.read_bytes()
    second = make_piece(tmp_path, tmp_path / "piece.wav", minutes=0.1, seed=1)
    assert set(second.score.clips) == {"0.wav", "1.wav", "2.wav"}
    assert second.out.read_bytes() == bytes_before


def test_bad_clips_are_left_out_unless_kept(export: Path, tmp_path: Path) -> None:
    (export / "clip 0.wav").write_bytes(encoded(noise(2.0)))
    (export / "clip 1.wav").write_bytes(b"not a sound")
    code, _, errors = run("compose", export, "-o", tmp_path / "x.wav", "--minutes", 0.3)
    assert code == 0
    assert "left out 'clip 0.wav': noise" in errors
    assert "left out 'clip 1.wav': not-audio" in errors
    notes = json.loads((tmp_path / "x.score.json").read_text())["notes"]
    assert any("clip 0.wav" in note for note in notes)
    piece = make_piece(export, tmp_path / "x.wav", minutes=0.3, seed=0, keep_all=True)
    assert set(piece.score.clips) == {"id0", "id2", "id3", "id4", "id5"}


def test_a_silent_export_says_what_to_do(export: Path, tmp_path: Path) -> None:
    for path in export.glob("*.wav"):
        path.write_bytes(encoded(np.zeros(RATE)))
    code, _, errors = run("compose", export, "-o", tmp_path / "x.wav")
    assert code == 2
    assert errors.count("\n") == 1
    assert "6 silence" in errors
    assert "--keep-all" in errors
    assert run("compose", export, "-o", tmp_path / "x.wav", "--minutes", 0.1, "--keep-all")[0] == 0
    # Nothing but dither.
    assert np.abs(soundfile.read(tmp_path / "x.wav")[0]).max() <= 1 / 32768


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compose", "CLIPS", "-o", "x.mp3"], "one of .wav, .flac, .ogg"),
        (["compose", "CLIPS", "-o", "x.wav", "--bits", "12"], "choose 16 or 24"),
        (["compose", "CLIPS", "-o", "x.opus", "--sample-rate", "44100"], "--sample-rate"),
        (["compose", "nowhere", "-o", "x.wav"], "nowhere is not there; give a clips"),
        (["compose", "CLIPS", "-o", "x.wav", "--minutes", "0"], "minutes must be above 0"),
        (["compose", "CLIPS", "-o", "x.wav", "--seed", "-1"], "seed"),
        (["compose", "CLIPS", "-o", "x.wav", "--sample-rate", "7"], "rate must be from"),
        (["compose", "CLIPS", "-o", "x.wav", "--fade-law", "cubic"], "cubic"),
        (["compose", "CLIPS"], "--out"),
        (["compose", "CLIPS", "-o", "x.wav", "--bogus"], "--bogus"),
        (["compose", "CLIPS", "-o", "x.wav", "--minutes", "two"], "--minutes"),
        (["compost"], "compost"),
        (["render", "none.json", "-o", "x.wav"], "none.json: No such file"),
    ],
)
def test_usage_errors_exit_with_two(
    export: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    known = {"CLIPS": str(export), "x.wav": str(tmp_path / "x.wav")}
    code, _, errors = run(*[known.get(argument, argument) for argument in arguments])
    assert code == 2
    assert words in errors
    assert errors.startswith("sequencer: ")
    assert errors.count("\n") == 1
    assert not (tmp_path / "x.wav").exists()


def test_verbose_shows_the_traceback(tmp_path: Path) -> None:
    _, _, errors = run("compose", tmp_path, "-o", tmp_path / "x.wav", "--verbose")
    assert "Traceback" in errors
    assert "holds no sound file" in errors.splitlines()[-1]


def test_the_command_itself_on_real_recordings(tmp_path: Path) -> None:
    out = tmp_path / "piece.wav"
    script = "import sys; from sequencer.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "compose", str(RECORDINGS), "-o", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    options = ["--minutes", "0.5", "--seed", "7", "--sample-rate", "44100"]
    subprocess.run([*command, *options], env=environment, check=True, capture_output=True)
    samples, rate = soundfile.read(out)
    assert (len(samples), rate) == (30 * 44_100, 44_100)
    assert 0.5 < np.abs(samples).max() < 0.9
    assert "CC0-1.0" in (tmp_path / "piece.credits.txt").read_text()


def test_a_failed_render_leaves_the_old_piece(export: Path, tmp_path: Path) -> None:
    piece = make_piece(export, tmp_path / "new" / "x.wav", minutes=0.3, seed=7)
    before = contents(piece.out, piece.score_path, piece.credits_path)
    value = json.loads(piece.score_path.read_text())
    for clip in value["clips"]:
        del clip["sha256"]
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(value))
    last_to_enter = list(dict.fromkeys(event.clip for event in piece.score.events))[-1]
    (export / piece.score.clips[last_to_enter].file).unlink()
    with pytest.raises(SequencerError, match="is not there"):
        render_piece(edited, export, piece.out)
    assert contents(piece.out, piece.score_path, piece.credits_path) == before
    assert len(list(piece.out.parent.iterdir())) == 3


def test_a_score_notices_another_clip_of_the_same_name(export: Path, tmp_path: Path) -> None:
    piece = make_piece(export, tmp_path / "x.wav", minutes=0.3, seed=7)
    (export / "clip 3.wav").write_bytes(encoded(pluck(3.0, 333)))
    code, _, errors = run("render", piece.score_path, "--clips", export, "-o", tmp_path / "y.wav")
    assert code == 2
    assert "clip 3.wav: not the file that the score was made of" in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "y.wav").exists()


def test_a_killed_render_leaves_no_half_file(export: Path, tmp_path: Path) -> None:
    out = tmp_path / "piece.wav"
    script = "import sys; from sequencer.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "compose", str(export), "-o", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, "--minutes", "40"], env=environment, stderr=subprocess.DEVNULL
    )
    until(lambda: list(tmp_path.glob(".piece.wav.*.part")), process=process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert list(tmp_path.glob(".piece.wav.*.part"))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("piece.")]


def test_the_licence_is_that_of_what_plays(export: Path, tmp_path: Path) -> None:
    # At half a second one clip plays; of six seeds some leave the unknown recording out.
    made = [make_piece(export, tmp_path / f"{n}.wav", minutes=0.01, seed=n) for n in range(12)]
    for piece in made:
        (clip,) = piece.score.clips.values()
        unknown = any(not parent.rights.known for parent in clip.parents)
        assert (piece.score.licence == "") == unknown
        said = any("licence of the result" in warning for warning in piece.warnings)
        assert said == unknown
    assert {bool(piece.score.licence) for piece in made} == {True, False}


def test_stems_and_credits_of_other_origin_are_not_replaced(export: Path, tmp_path: Path) -> None:
    stem, listed = tmp_path / "stems" / "x-main.wav", tmp_path / "AUTHORS"
    stem.parent.mkdir()
    for path, flags in ((stem, ("--stems", stem.parent)), (listed, ("--credits", listed))):
        path.write_text("mine")
        asked = ("compose", export, "-o", tmp_path / "x.wav", "--minutes", "0.05", *flags)
        code, _, errors = run(*asked)
        assert (code, errors.count("\n")) == (2, 1)
        assert str(path) in errors and "--replace" in errors
        assert path.read_text() == "mine"
        assert not (tmp_path / "x.wav").exists()
    assert run(*asked, "--force")[0] == 0
    assert listed.read_text() != "mine"
    # What an earlier composition of this name left is its own.
    assert run(*asked)[0] == 0
