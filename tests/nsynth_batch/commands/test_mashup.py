"""`reconstruct` and `mashup` from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from nsynth_batch.cli import main
from sequencer.clips.clips import read_clips
from sequencer.sound_files.marks import comment_made_here
from tests.nsynth_batch.recordings import tone, write_wav


@pytest.fixture
def flags(tiny: Path) -> list[str]:
    return ["--checkpoint", str(tiny), "--precision", "float32", "--seed", "5"]


@pytest.fixture
def bell(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "in" / "bell.wav", tone(0.5, 440))


@pytest.fixture
def crow(tmp_path: Path) -> Path:
    """Stereo, at another rate, and longer."""
    left = tone(0.7, 330, 44_100)
    return write_wav(tmp_path / "in" / "crow.wav", np.stack([left, left / 2], 1), 44_100)


def test_a_recording_is_decoded_again_with_its_rights_and_a_picture(
    flags: list[str], bell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bell.parent / "sources.csv").write_text(
        "file,author,licence,title,source_url\nBELL.wav,Ann,CC-BY-4.0,Great bell,https://a.example\n"
    )
    out = tmp_path / "out" / "again.wav"
    words = ["reconstruct", str(bell), "-o", str(out), "--picture", *flags]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert "pitch kept" in printed.out
    assert "nothing to measure" not in printed.out
    assert 'made from "Great bell" by Ann (CC-BY-4.0) https://a.example' in printed.out
    assert "licence: CC-BY-4.0" in printed.out
    samples, rate = soundfile.read(out)
    assert (len(samples), rate) == (15 * 512, 16_000)
    assert (tmp_path / "out" / "again.png").read_bytes().startswith(b"\x89PNG")
    with soundfile.SoundFile(out) as file:
        tags = file.copy_metadata()
    assert tags["artist"] == "Ann"
    assert tags["copyright"].startswith("CC-BY-4.0 https://creativecommons.org/")
    assert "Great bell" in tags["title"]

    before = out.read_bytes()
    assert main(words) == 0
    assert out.read_bytes() == before
    assert main(["reconstruct", str(out), "-o", str(tmp_path / "third.flac"), *flags]) == 0
    assert "(CC-BY-4.0)" in capsys.readouterr().out.splitlines()[-2]


def test_two_recordings_of_any_rate_and_channels_are_mashed_up(
    flags: list[str],
    bell: Path,
    crow: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = {}
    for curve in ("linear", "cosine"):
        out = tmp_path / f"{curve}.flac"
        words = ["mashup", str(bell), str(crow), "-o", str(out), "--curve", curve]
        assert main([*words, *flags]) == 0
        found[curve] = soundfile.read(out, dtype="int16")[0]
        assert len(found[curve]) == 15 * 512
    assert not np.array_equal(found["linear"], found["cosine"])
    printed = capsys.readouterr()
    assert "bell.wav" in printed.out
    assert "crow.wav" in printed.out
    assert "licence: cannot be stated" in printed.out
    assert "is not known: a sources.csv beside it would give it" in printed.err
    assert '""' not in printed.err
    with (tmp_path / "linear.flac").open("rb") as stream:
        assert '"bell" by unknown' in comment_made_here(stream)


def test_no_more_is_taken_than_asked_for(
    flags: list[str], crow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "short.wav"
    assert main(["reconstruct", str(crow), "-o", str(out), "--seconds", "0.2", *flags]) == 0
    assert soundfile.info(out).frames == 6 * 512
    assert "the first 0.2 s are taken; --seconds takes more" in capsys.readouterr().err


def test_what_goes_beyond_full_scale_is_brought_down_with_a_word(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loud = tmp_path / "loud.wav"
    soundfile.write(loud, 3 * tone(0.3), 16_000, subtype="FLOAT")
    assert main(["reconstruct", str(loud), "-o", str(tmp_path / "out.wav"), *flags]) == 0
    peak = 3 * np.abs(tone(0.3)).max()
    said = f"{loud}: samples reach {peak:.4g} times full scale: the whole is brought down by "
    assert said in capsys.readouterr().err


def test_licences_that_do_not_go_together_are_named(
    flags: list[str], bell: Path, crow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bell.parent / "sources.csv").write_text(
        "file,author,licence\nbell.wav,Ann,CC-BY-SA-4.0\ncrow.wav,Bob,CC-BY-NC-4.0\n"
    )
    assert main(["mashup", str(bell), str(crow), "-o", str(tmp_path / "c.wav"), *flags]) == 0
    printed = capsys.readouterr()
    assert "licence: cannot be stated" in printed.out
    assert "CC-BY-SA-4.0" in printed.err
    assert printed.err.count("\n") == 1


def bad_inputs(folder: Path) -> dict[str, tuple[Path, str]]:
    empty, text = folder / "empty.wav", folder / "text.wav"
    empty.write_bytes(b"")
    text.write_text("no sound at all " * 40)
    return {
        "nothing": (folder / "none.wav", "No such file"),
        "folder": (folder, "Is a directory"),
        "empty": (empty, "empty: "),
        "text": (text, "not-audio: "),
        "silent": (write_wav(folder / "silent.wav", np.zeros(16_000)), "silent: "),
        "short": (write_wav(folder / "short.wav", tone(0.02)), "too-short: "),
        "no frames": (write_wav(folder / "frames.wav", np.zeros(0)), "empty: "),
    }


def test_what_is_no_recording_is_one_line_and_2(
    flags: list[str], bell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "c.wav"
    for name, (path, words) in bad_inputs(tmp_path).items():
        for given in ([str(path)], [str(bell), str(path)]):
            command = "mashup" if len(given) > 1 else "reconstruct"
            assert main([command, *given, "-o", str(out), *flags]) == 2, name
            error = capsys.readouterr().err
            assert error.count("\n") == 1, error
            assert words in error, name
            assert str(path) in error
            assert not out.exists()


def test_only_what_it_wrote_is_replaced(
    flags: list[str], bell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = write_wav(tmp_path / "theirs.wav", tone(0.3))
    drawing = tmp_path / "new.png"
    drawing.write_bytes(b"theirs")
    for words, said in (
        (["-o", str(theirs)], "was not written by this command"),
        (["-o", str(tmp_path / "new.wav"), "--picture"], "new.png exists"),
        (["-o", str(bell), "--replace"], "would replace the source"),
        (["-o", str(tmp_path), "--replace"], "end the name in one of"),
        (["-o", str(tmp_path / "a.mp3")], "end the name in one of"),
        (["-o", str(tmp_path / "a.wav"), "--seconds", "0"], "--seconds 0"),
    ):
        before = theirs.read_bytes(), drawing.read_bytes(), bell.read_bytes()
        assert main(["reconstruct", str(bell), *words, *flags]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
        assert (theirs.read_bytes(), drawing.read_bytes(), bell.read_bytes()) == before
    words = ["-o", str(theirs), "--replace"]
    assert main(["reconstruct", str(bell), *words, *flags]) == 0
    assert main(["reconstruct", str(bell), *words[:2], *flags]) == 0


def of_pitch(folder: Path, *pitches: float) -> list[str]:
    paths = [folder / "in" / f"{pitch:g}.wav" for pitch in pitches]
    return [
        str(write_wav(path, tone(0.2, pitch))) for path, pitch in zip(paths, pitches, strict=True)
    ]


def test_weights_stretches_and_more_recordings_go_without_a_store(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings = of_pitch(tmp_path, 300, 400, 500)
    out = tmp_path / "out.wav"
    words = ["--curve", "blend", "--weights", "1,0,0:0,0,1", "--stretch", "2"]
    assert main(["mashup", *recordings, "-o", str(out), *words, *flags]) == 0
    assert soundfile.info(out).frames == 2 * 6 * 512
    assert capsys.readouterr().out.count("made from") == 3
    for given, said in (
        ([*recordings[:2], recordings[0]], "300.wav and "),
        (recordings[:1], "1 recording: a mash-up is of two to 4"),
        ([*recordings, "--curve", "blend", "--weights", "0.5"], "--weights 0.5 is of 2 recordings"),
        ([*recordings, "--weights", "1,0,0"], "--weights is of --curve blend"),
        ([*recordings, "--stretch", "3"], "each factor is to be from 0.5 to 2"),
        ([*recordings, "--morph"], "3 recordings: a --morph has four corners"),
    ):
        assert main(["mashup", *given, "-o", str(tmp_path / "no.wav"), *flags]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_a_stretch_that_leaves_nothing_is_one_line(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = write_wav(tmp_path / "a.wav", tone(0.04)), write_wav(tmp_path / "b.wav", tone(0.3, 300))
    words = ["mashup", str(a), str(b), "-o", str(tmp_path / "c.wav"), "--stretch", "0.5"]
    assert main([*words, *flags]) == 2
    error = capsys.readouterr().err
    assert "a stretch of 0.5 leaves nothing of 1 frames: take more --seconds" in error
    assert error.count("\n") == 1


def test_a_morph_is_a_square_of_clips_with_the_weights_of_its_corners(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corners = of_pitch(tmp_path, 300, 400, 500, 600)
    folder = tmp_path / "square"
    words = ["mashup", "--morph", *corners, "--grid", "3", "-o", str(folder), "--picture", *flags]
    assert main(words) == 0
    assert (folder / "square.png").read_bytes().startswith(b"\x89PNG")
    assert "9 clips of 0.19 s" in capsys.readouterr().out
    clips = {clip.file: clip for clip in read_clips(folder)}
    assert len(clips) == len(list(folder.glob("*.wav"))) == 9
    for clip in clips.values():
        assert sum(parent.weights[0] for parent in clip.parents) == pytest.approx(1)
    titles = [[p.rights.title for p in clip.parents] for clip in clips.values()]
    assert [titles[n] for n in (0, 2, 6, 8)] == [["300"], ["400"], ["500"], ["600"]]
    assert [len(each) for each in titles] == [1, 2, 1, 2, 4, 2, 1, 2, 1]
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert main(words) == 0
    assert before == {path: path.read_bytes() for path in folder.iterdir()}
    (folder / "row0-column0.wav").write_bytes(b"theirs")
    assert main(words) == 2
    assert "holds what is of others, as row0-column0.wav" in capsys.readouterr().err
    twice = ["mashup", "--morph", *corners[:3], corners[0], "-o", str(tmp_path / "x")]
    assert main([*twice, *flags]) == 2
    assert "are one recording" in capsys.readouterr().err
