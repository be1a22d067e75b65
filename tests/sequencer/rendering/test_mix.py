"""The mix: the same samples whatever stretches it is asked for in."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.clips.clips import Clip
from sequencer.errors import SequencerError
from sequencer.score.score import FADE_LAWS, Event, Layer, Master, Score
from tests.sequencer.rendered import opened, rendered, score_of, written
from tests.sequencer.sounds import RATE, encoded, noise, tone

SAMPLES = 3 * RATE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mix")


@pytest.fixture(scope="module")
def piece(folder: Path) -> Score:
    """Two layers in stereo: joins, a pause, an event over everything, one over the end."""
    sounds = {"a": noise(2.0, 0.1, 1), "b": noise(2.0, 0.1, 2), "c": tone(3.0, 80, 0.2)}
    events = [
        Event(0, "c", 0, SAMPLES, fade_in=500, fade_out=SAMPLES - 500, layer="bed"),
        Event(100, "a", 7, 16_000, -3.0, 0, 6001, pan=-0.8, layer="top"),
        Event(10_099, "b", 0, 20_000, -1.0, 6001, 300, pan=0.5, layer="top"),
        Event(29_799, "a", 1000, 5000, 0.0, 300, 0, pan=1.0, layer="top"),
        Event(40_000, "b", 0, 20_000, layer="top"),
    ]
    return score_of(folder, sounds, events, SAMPLES, channels=2)


@given(st.lists(st.integers(1, SAMPLES - 1), max_size=6), st.sampled_from(FADE_LAWS))
@settings(max_examples=30, deadline=None)
def test_stretches_do_not_matter(piece: Score, folder: Path, cuts: list[int], law: str) -> None:
    score = replace(piece, fade_law=law)
    with opened(score, folder, folder / "spool") as mix:
        edges = [0, *sorted(set(cuts)), SAMPLES]
        for layer in score.layers:
            whole = mix.mixer.mixed(layer.name, 0, SAMPLES)
            parts = [mix.mixer.mixed(layer.name, *pair) for pair in pairwise(edges)]
            np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


@given(st.integers(3000, 2 * SAMPLES), st.booleans())
@settings(max_examples=15, deadline=None)
def test_spans_do_not_matter(piece: Score, folder: Path, span: int, by_layer: bool) -> None:
    with opened(piece, folder, folder / "whole") as mix:
        whole = np.concatenate(list(mix.blocks()), axis=1)
    with opened(piece, folder, folder / "cut", span=span, by_layer=by_layer) as mix:
        np.testing.assert_array_equal(np.concatenate(list(mix.blocks()), axis=1), whole)


@pytest.mark.parametrize("pan", [-1.0, -0.3, 0.0, 0.6, 1.0])
def test_a_place_has_the_same_power_as_any_other(tmp_path: Path, pan: float) -> None:
    sound = noise(1.0, 0.1)
    event = Event(0, "a", 0, RATE, pan=pan)
    got = rendered(score_of(tmp_path, {"a": sound}, [event], RATE, channels=2), tmp_path)
    power = np.mean(got**2, axis=0)
    assert power.sum() == pytest.approx(np.mean(sound.astype(float) ** 2), rel=1e-3)
    angle = (pan + 1) * np.pi / 4
    np.testing.assert_allclose(got[:, 0], sound * np.cos(angle), atol=2 / 32768)
    np.testing.assert_allclose(got[:, 1], sound * np.sin(angle), atol=2 / 32768)


def test_places_do_nothing_in_mono(tmp_path: Path) -> None:
    sound = noise(0.5, 0.1)
    events = [Event(0, "a", 0, 8000, pan=pan) for pan in (-1.0, 0.7)]
    left, right = (score_of(tmp_path, {"a": sound}, [event], 8000) for event in events)
    np.testing.assert_array_equal(rendered(left, tmp_path), rendered(right, tmp_path))


@pytest.mark.parametrize("same", [True, False])
def test_a_matched_join_from_one_side_to_the_other_keeps_its_power(
    tmp_path: Path, same: bool
) -> None:
    sound = noise(6.0, 0.1, 1)
    fade = 2 * RATE
    sounds = {"a": sound[: 4 * RATE], "b": sound[2 * RATE :] if same else noise(4.0, 0.1, 2)}
    events = [
        Event(0, "a", 0, 4 * RATE, fade_out=fade, pan=-0.6),
        Event(2 * RATE, "b", 0, 4 * RATE, fade_in=fade, pan=0.6),
    ]
    got = rendered(score_of(tmp_path, sounds, events, 6 * RATE, channels=2), tmp_path)
    level = 10 * np.log10(np.mean(got[: 6 * RATE].reshape(-1, 3200, 2) ** 2, axis=1).sum(axis=1))
    assert level[:9].mean() == pytest.approx(-20, abs=0.2)
    assert level[13:17].mean() == pytest.approx(-20, abs=0.5)


def test_layers_are_joined_among_themselves_and_levelled(tmp_path: Path) -> None:
    sounds = {"a": noise(1.0, 0.1, 1), "b": noise(1.0, 0.1, 2)}
    events = [
        Event(0, "a", 0, RATE, fade_out=8000, layer="x"),
        Event(RATE // 2, "b", 0, RATE, fade_in=8000, layer="y"),
    ]
    layers = (Layer("x", -6.0), Layer("y", 3.0))
    score = score_of(tmp_path, sounds, events, 3 * RATE // 2, layers=layers)
    with opened(score, tmp_path, tmp_path / "spool") as mix:
        assert all(v.before is None and v.after is None for v in mix.mixer.voices("x", 0, RATE))
        got = np.concatenate(list(mix.blocks()), axis=1)
        x = mix.mixer.mixed("x", 0, score.samples).astype(float)
        y = mix.mixer.mixed("y", 0, score.samples).astype(float)
    np.testing.assert_allclose(got, x * 10 ** (-6 / 20) + y * 10 ** (3 / 20), atol=1e-7)


@pytest.mark.parametrize("suffix", ["flac", "wav"])
def test_stems_sum_to_the_mix_before_its_limiter_and_dither(
    piece: Score, folder: Path, tmp_path: Path, suffix: str
) -> None:
    master = Master(gain_db=-2.0, fade_in=800, fade_out=1600)
    score = replace(piece, master=master)
    out = written(score, folder, f"x.{suffix}", stems=tmp_path / "stems", sample_rate=44_100)
    assert {path.name for path in out.stems} == {"x-bed.wav", "x-top.wav"}
    stems = sum(soundfile.read(path, always_2d=True)[0] for path in out.stems)
    assert out.rendered.reduction == 0.0
    mix = soundfile.read(out.out)[0]
    np.testing.assert_allclose(stems, mix, atol=2 / 32768)
    assert np.abs(stems).max() > 0.05
    # The same bytes as without stems.
    before = out.out.read_bytes()
    assert written(score, folder, f"x.{suffix}", sample_rate=44_100).out.read_bytes() == before


def test_long_clips_are_decoded_into_the_spool(tmp_path: Path) -> None:
    # Five minutes, of which parts near both ends play.
    rng = np.random.default_rng(0)
    sound = (rng.normal(0, 0.1, 300 * RATE)).astype(np.float32)
    events = [Event(0, "a", 299 * RATE, 8000), Event(8000, "a", 4000, 8000)]
    score = score_of(tmp_path, {"a": sound}, events, RATE)
    expected = np.concatenate([sound[299 * RATE :][:8000], sound[4000:12_000]])
    np.testing.assert_allclose(rendered(score, tmp_path), expected, atol=2 / 32768)
    assert not list(tmp_path.glob(".*"))


def test_clips_of_other_rates_and_channels_are_mixed(tmp_path: Path) -> None:
    """One tone as 96 kHz mono, 44.1 kHz stereo and 8 kHz 24 bits."""
    clips, events = {}, []
    for number, (rate, channels, subtype) in enumerate(
        [(96_000, 1, "FLOAT"), (44_100, 2, "PCM_16"), (8_000, 1, "PCM_24")]
    ):
        wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
        sound = np.stack([wave * 1.5, wave * 0.5][:channels], axis=1) if channels > 1 else wave
        name = f"{number}.wav"
        (tmp_path / name).write_bytes(encoded(sound, subtype=subtype, rate=rate))
        clips[name] = Clip(name, name, seconds=1.0)
        events.append(Event(number * RATE, name, 0, RATE))
    score = Score(1, RATE, 3 * RATE, "matched", Master(), clips, tuple(events))
    got = rendered(score, tmp_path)
    expected = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    for number in range(3):
        middle = slice(number * RATE + 1000, (number + 1) * RATE - 1000)
        np.testing.assert_allclose(got[middle], expected[1000:-1000], atol=2e-3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty: the file holds 0 bytes"),
        (b"hello", "not-audio"),
        (encoded(noise(1.0))[:9000], "truncated"),
    ],
)
def test_a_bad_clip_is_one_line_with_its_name(tmp_path: Path, content: bytes, words: str) -> None:
    score = score_of(tmp_path, {"a": noise(1.0)}, [Event(0, "a", 0, RATE)], RATE)
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(SequencerError, match=f"a.wav: {words}"):
        written(score, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
