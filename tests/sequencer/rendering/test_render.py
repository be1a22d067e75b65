from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.composing.candidates import find_candidates
from sequencer.composing.compose import compose
from sequencer.errors import SequencerError
from sequencer.piece import write_piece
from sequencer.rendering.fades import fade_curves
from sequencer.rendering.joins import Correlation
from sequencer.rendering.output_paths import Writing
from sequencer.score.score import FADE_LAWS, Event, FadeLaw, Master
from sequencer.sound_files.output import Form, sound_writer
from sequencer.sound_files.tags import Tags
from tests.sequencer.rendered import rendered, score_of, written
from tests.sequencer.sounds import RATE, RECORDINGS, encoded, noise, pluck, tone

STEP = 2 / 32768


def test_events_stand_where_the_score_says(tmp_path: Path) -> None:
    a, b = noise(0.5, 0.1, 1), noise(0.5, 0.1, 2)
    events = [
        Event(1000, "a", 200, 3000, gain_db=-6.0),
        Event(2500, "b", 0, 8000),
        Event(20_000, "a", 0, 100),
    ]
    got = rendered(score_of(tmp_path, {"a": a, "b": b}, events, 21_000), tmp_path)
    expected = np.zeros(21_000)
    expected[1000:4000] += a[200:3200] * 10 ** (-6 / 20)
    expected[2500:10_500] += b
    expected[20_000:20_100] += a[:100]
    assert len(got) == 21_000
    np.testing.assert_allclose(got, expected, atol=STEP)


def test_events_beyond_the_end_are_cut_there(tmp_path: Path) -> None:
    a = noise(0.5, 0.1)
    score = score_of(tmp_path, {"a": a}, [Event(0, "a", 0, 8000), Event(500, "a", 0, 8000)], 600)
    got = rendered(score, tmp_path)
    expected = a[:600].astype(np.float64)
    expected[500:] += a[:100]
    np.testing.assert_allclose(got, expected, atol=STEP)


@pytest.mark.parametrize("law", FADE_LAWS)
def test_curves_mirror_each_other_and_never_jump(law: FadeLaw) -> None:
    for rho in (-1.0, -0.3, 0.0, 0.5, 1.0):
        falling, rising = fade_curves(500, law, rho)
        np.testing.assert_allclose(falling, rising[::-1], atol=1e-12)
        assert (np.diff(rising) > -0.005).all()
        assert rising[0] < 0.005
        assert np.abs(np.diff(rising)).max() < 0.01


@given(st.floats(-0.5, 1.0))
@settings(max_examples=50, deadline=None)
def test_matched_fades_keep_the_power(rho: float) -> None:
    falling, rising = fade_curves(200, "matched", rho)
    power = falling**2 + rising**2 + 2 * rho * falling * rising
    np.testing.assert_allclose(power, 1.0, atol=1e-12)


def levels(samples: np.ndarray, size: int = 1600) -> np.ndarray:
    """Level of each 0.1 s in dB."""
    return 10 * np.log10(np.mean(samples[: len(samples) // size * size].reshape(-1, size) ** 2, 1))


@pytest.mark.parametrize(
    ("law", "same", "bump"),
    [
        ("matched", True, 0.0),
        ("matched", False, 0.0),
        ("linear", True, 0.0),
        ("linear", False, -3.0),
        ("equal-power", False, 0.0),
        ("equal-power", True, 3.0),
    ],
)
def test_joins_dip_and_bump_as_each_law_says(
    tmp_path: Path, law: FadeLaw, same: bool, bump: float
) -> None:
    sound = noise(6.0, 0.1, 1)
    fade = 2 * RATE
    offset = 2 * RATE if same else 0
    sounds = {"a": sound[: 4 * RATE], "b": sound if same else noise(6.0, 0.1, 2)}
    events = [
        Event(0, "a", 0, 4 * RATE, fade_out=fade),
        Event(2 * RATE, "b", offset, 4 * RATE, fade_in=fade),
    ]
    got = rendered(score_of(tmp_path, sounds, events, 6 * RATE, fade_law=law), tmp_path)
    level = levels(got)
    assert level[:15].mean() == pytest.approx(-20, abs=0.3)
    assert level[28:32].mean() == pytest.approx(-20 + bump, abs=0.6)


def correlated(first: np.ndarray, second: np.ndarray) -> float:
    found = Correlation()
    for start in range(0, len(first), 1000):
        found.add(first[start : start + 1000], second[start : start + 1000])
    return found.rho


def test_correlation_of_known_pairs() -> None:
    a, b = noise(1.0, 0.3, 1), noise(1.0, 0.3, 2)
    assert correlated(a, a * 5) == pytest.approx(1.0)
    assert correlated(a, -a) == pytest.approx(-1.0)
    assert abs(correlated(a, b)) < 0.03
    assert correlated(a, a * 0) == 0.0


@pytest.mark.parametrize("law", FADE_LAWS)
def test_joins_do_not_click(tmp_path: Path, law: FadeLaw) -> None:
    # Steady low tones cut at any phase: their own second difference is below A·(2·pi·f/rate)², a
    # hundred times less than that of the step which a hard cut would leave.
    for number, frequency in enumerate([90.0, 130.0, 170.0, 210.0, 233.0]):
        sound = tone(1.0 + 0.37 * number, frequency)
        (tmp_path / f"{number}.wav").write_bytes(encoded(sound))
    found = find_candidates(tmp_path, keep_all=True)
    score = compose(found.candidates, 0.7, 11, fade_law=law)
    assert len(score.events) > 12
    score = replace(score, master=replace(score.master, loudness=None), channels=1)
    got = soundfile.read(written(score, tmp_path, listen=True).out)[0]
    smooth = 1.42 * np.abs(got).max() * (2 * np.pi * 233 / RATE) ** 2
    assert np.abs(np.diff(got, 2)).max() < smooth + 4 * STEP


def test_the_ends_are_faded(tmp_path: Path) -> None:
    sound = tone(2.0)
    master = Master(0.0, 1600, 8000)
    score = score_of(tmp_path, {"a": sound}, [Event(0, "a", 0, 32_000)], 32_000, master=master)
    got = rendered(score, tmp_path)
    assert np.abs(got[:10]).max() < 0.001
    assert np.abs(got[-10:]).max() < 0.001
    np.testing.assert_allclose(got[1600:24_000], sound[1600:24_000], atol=STEP)


@pytest.mark.parametrize("length", [8000, 32_000])
def test_a_fade_out_may_be_as_long_as_the_piece(tmp_path: Path, length: int) -> None:
    sound = np.full(length, 0.5)
    master = Master(0.0, 0, length)
    score = score_of(tmp_path, {"a": sound}, [Event(0, "a", 0, length)], length, master=master)
    got = rendered(score, tmp_path)
    assert np.abs(got[:10] - 0.5).max() < 0.001
    assert np.abs(got[-10:]).max() < 0.001


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_peaks_are_held_and_the_length_is_exact(tmp_path: Path, rate: int) -> None:
    score = compose(find_candidates(RECORDINGS).candidates, 0.5, 5)
    score = replace(score, master=replace(score.master, loudness=None))
    out = tmp_path / "piece.flac"
    piece = write_piece(score, RECORDINGS, out, listen=True, writing=Writing(sample_rate=rate))
    samples, got_rate = soundfile.read(out)
    assert (len(samples), got_rate, piece.rendered.frames) == (30 * rate, rate, 30 * rate)
    assert -1.4 < 20 * np.log10(np.abs(samples).max()) < -1.0
    assert piece.rendered.true_peak == pytest.approx(-1.1, abs=0.02)
    information = soundfile.info(out)
    assert (information.format, information.subtype) == ("FLAC", "PCM_16")


def test_too_much_gain_is_limited_and_said(tmp_path: Path) -> None:
    master = Master(gain_db=18.0)
    score = score_of(tmp_path, {"a": tone(1.0)}, [Event(0, "a", 0, RATE)], RATE, master=master)
    piece = written(score, tmp_path)
    assert piece.rendered.reduction == pytest.approx(13.1, abs=0.2)
    assert any("the limiter takes up to 13.1 dB" in line for line in piece.warnings)
    assert np.abs(soundfile.read(piece.out)[0]).max() < 10 ** (-1 / 20)


def test_silence_is_not_lifted(tmp_path: Path) -> None:
    events = [Event(0, "a", 0, RATE)]
    silent = score_of(tmp_path, {"a": np.zeros(RATE)}, events, RATE)
    assert written(silent, tmp_path, listen=True).score.master.gain_db == 0.0
    faint = score_of(tmp_path, {"a": tone(1.0, level=1e-5)}, events, RATE)
    assert written(faint, tmp_path, listen=True).score.master.gain_db == 30.0


def test_dither_is_triangular_and_seeded(tmp_path: Path) -> None:
    events = [Event(0, "a", 0, RATE)]
    score = score_of(tmp_path, {"a": np.full(RATE, 0.25 / 32768)}, events, RATE)
    first = rendered(score, tmp_path) * 32768
    assert set(np.unique(first)) <= {-1.0, 0.0, 1.0}
    # Without dither a quarter of a step would round to nothing.
    assert first.mean() == pytest.approx(0.25, abs=0.03)
    np.testing.assert_array_equal(first, rendered(score, tmp_path) * 32768)
    assert (first != rendered(replace(score, seed=4), tmp_path) * 32768).any()


def test_clips_that_changed_since_are_named(tmp_path: Path) -> None:
    score = score_of(tmp_path, {"a": tone(1.0)}, [Event(0, "a", 0, RATE)], RATE)
    (tmp_path / "a.wav").write_bytes(encoded(tone(0.5)))
    with pytest.raises(SequencerError, match=r"a\.wav: the score plays it up to 1\.0000 s"):
        written(score, tmp_path)
    (tmp_path / "a.wav").write_bytes(b"text")
    with pytest.raises(SequencerError, match=r"a\.wav: not-audio"):
        written(score, tmp_path)
    (tmp_path / "a.wav").unlink()
    with pytest.raises(SequencerError, match="is not there; --clips"):
        written(score, tmp_path)


def test_another_sound_of_the_same_length_is_not_played(tmp_path: Path) -> None:
    for name, pitch in [("a", 300), ("b", 500)]:
        (tmp_path / f"{name}.wav").write_bytes(encoded(pluck(1.0, pitch)))
    score = compose(find_candidates(tmp_path).candidates, 0.05, 1)
    written(score, tmp_path)
    (tmp_path / "b.wav").write_bytes(encoded(pluck(1.0, 400)))
    with pytest.raises(SequencerError, match=r"b\.wav: not the file that the score was made of"):
        written(score, tmp_path)
    edited = {name: replace(clip, sha256="") for name, clip in score.clips.items()}
    assert written(replace(score, clips=edited), tmp_path).rendered.frames == score.samples
    # What nobody hears does not matter.
    one = tuple(event for event in score.events if event.clip == "a.wav")
    assert written(replace(score, events=one), tmp_path).rendered.frames == score.samples


@pytest.mark.parametrize("container", ["WAV", "FLAC", "RF64", "VORBIS"])
def test_a_full_disk_is_named(container: str) -> None:
    form = Form(container, RATE, 1, 1 << 20, 32 if container == "VORBIS" else 16)
    with (
        pytest.raises(OSError, match="No space left") as caught,
        sound_writer(Path("/dev/full"), form, Tags("a", "b", "c", "d")) as sink,
    ):
        for _ in range(32):
            sink.write(np.zeros((1 << 15, 1), np.float32 if form.bits == 32 else np.int32))
        sink.finish(None, None)
    assert caught.value.filename == "/dev/full"


LONG = """
import resource, sys
from pathlib import Path
from sequencer.piece import make_piece
folder = Path(sys.argv[1])
def piece(minutes):
    make_piece(folder, folder / ".out.wav", minutes=minutes, seed=1, force=True)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(piece(1), piece(40))
"""


def test_forty_minutes_need_no_more_memory_than_one(tmp_path: Path) -> None:
    for number in range(4):
        name = tmp_path / f"{number}.wav"
        sound = tone(10.0, 200 + 50 * number) * np.linspace(1, 0.1, 10 * RATE)
        name.write_bytes(encoded(sound))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", LONG, str(tmp_path)]
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    short, long = (int(word) for word in out.stdout.split())
    # In kB; held whole, forty minutes are 300 MB in float64.
    assert long - short < 20_000
