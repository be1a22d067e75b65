from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.audio.recording import mono_blocks
from sequencer.audio.samples import from_int16, to_int16
from sequencer.clips.gate import Origin, verdict
from sequencer.clips.measures import measure
from sequencer.clips.texture import Texture, texture
from tests.sequencer.builders import mu_law
from tests.sequencer.sounds import RATE, RECORDINGS, noise, pluck, tone


def judged(samples: np.ndarray) -> tuple[str, str]:
    return verdict(measure(samples.astype(np.float32), RATE))


def saw(frequency: float) -> np.ndarray:
    return 0.5 * (2 * ((frequency * np.arange(4 * RATE) / RATE) % 1) - 1)


CODES = np.random.default_rng(3).integers(-128, 128, 2 * RATE) / 128 * 0.9

CASES = {
    "digital silence": (np.zeros(RATE), "silence"),
    "nothing at all": (np.zeros(0), "silence"),
    "faint hiss": (noise(1.0, 0.0003), "silence"),
    "mu-law silence": (mu_law(noise(1.0, 1e-5)), "silence"),
    "bass tone": (tone(4.0, 60), "tone"),
    "tone": (tone(1.0), "tone"),
    "loud tone": (tone(1.0, 997, 1.0), "tone"),
    "16-bit tone": (from_int16(to_int16(tone(2.0, 100, 0.99))), "tone"),
    "mu-law tone": (mu_law(tone(2.0)), "tone"),
    "tone with hiss": (tone(2.0) + noise(2.0, 0.01), "tone"),
    "chord": (tone(2.0, 440, 0.2) + tone(2.0, 550, 0.2) + tone(2.0, 660, 0.2), "tone"),
    "buzz": (saw(220), "tone"),
    "square": (0.5 * np.sign(tone(2.0, 200)), "tone"),
    "white noise": (noise(2.0), "noise"),
    "uniform codes": (mu_law(CODES), "noise"),
    "dull noise": (np.convolve(noise(3.0), np.ones(4) / 4), "noise"),
    "clipped tone": (np.clip(tone(1.0, level=4), -1, 1), "clipped"),
    "clipped pluck": (np.clip(8 * pluck(2.0), -1, 1), "clipped"),
    "clipped mu-law": (mu_law(np.clip(8 * pluck(2.0), -1, 1)), "clipped"),
    "offset": (np.full(RATE, 0.4), "dc"),
    "tone on an offset": (tone(1.0, level=0.2) + 0.2, "dc"),
    "pluck": (pluck(2.0), "good"),
    "mu-law pluck": (mu_law(pluck(2.0)), "good"),
    "quiet pluck": (pluck(2.0, level=0.03), "good"),
    "short tone": (tone(0.1), "good"),
}


@pytest.mark.parametrize(("samples", "word"), CASES.values(), ids=CASES)
def test_synthetic_cases(samples: np.ndarray, word: str) -> None:
    got, reason = judged(samples)
    assert got == word, (got, reason, measure(samples.astype(np.float32), RATE))
    assert (reason == "") == (word == "good")


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.flac")), ids=lambda path: path.stem)
def test_real_recordings_are_good(path: Path) -> None:
    samples = np.concatenate(list(mono_blocks(path)))
    assert judged(samples)[0] == "good"
    assert judged(mu_law(samples))[0] == "good"


@given(st.binary(max_size=4000))
@settings(max_examples=60, deadline=None)
def test_every_clip_has_finite_measures_and_a_verdict(data: bytes) -> None:
    samples = from_int16(np.frombuffer(data[: len(data) // 2 * 2], np.int16))
    measures = measure(samples, RATE)
    assert all(np.isfinite(value) for value in asdict(measures).values())
    assert 0 <= measures.flatness <= 1 + 1e-9
    assert 0 <= measures.lines <= 1
    assert verdict(measures)[0] in {"good", "silence", "tone", "noise", "clipped", "dc"}


def swelling(samples: np.ndarray, hertz: float) -> np.ndarray:
    t = np.arange(len(samples)) / RATE
    return samples * (0.55 + 0.45 * np.sin(2 * np.pi * hertz * t))


WHITE = noise(3.0)
LOST = {
    "white": WHITE,
    "pink": np.fft.irfft(np.fft.rfft(WHITE) / np.sqrt(np.maximum(1, np.arange(24_001)))) * 30,
    "swelling": swelling(WHITE, 1),
    "trembling": swelling(WHITE, 12),
    "dying away": WHITE * np.exp(-np.arange(len(WHITE)) / RATE),
    "a voice's rhythm": WHITE * np.repeat([0.02, 1, 0.3, 0.05, 1, 0.1], 8000),
}
BELL, WIND = Texture(40, 0.9, 1.0), Texture(40, 0.01, 0.0)


def origin(samples: np.ndarray, source: Texture | None) -> Origin:
    own = texture(samples.astype(np.float32), RATE)
    of = (None, None) if source is None else (source.structure, source.voiced)
    return Origin(own.frames, own.structure, own.voiced, *of)


@pytest.mark.parametrize("samples", LOST.values(), ids=LOST)
def test_noise_is_told_whatever_its_level_does_by_what_it_was_made_from(
    samples: np.ndarray,
) -> None:
    measures = measure(samples.astype(np.float32), RATE)
    for source, word in ((BELL, "noise"), (None, "noise"), (WIND, "good")):
        got, reason = verdict(measures, origin(samples, source))
        assert got == word
        assert (reason == "") == (word == "good")
    assert "0.90 of the source's" in verdict(measures, origin(samples, BELL))[1]


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.flac")), ids=lambda path: path.stem)
def test_a_recording_that_comes_out_as_it_went_in_is_good(path: Path) -> None:
    samples = np.concatenate(list(mono_blocks(path)))
    measures, source = measure(samples, RATE), texture(samples, RATE)
    assert verdict(measures, origin(samples, source))[0] == "good"
    # What rings is no noise, though nothing is known of what it was made from.
    if source.structure > 0.1:
        assert verdict(measures, origin(samples, None))[0] == "good"


@given(
    st.dictionaries(
        st.sampled_from(["structure", "voiced", "source_structure", "silent_from", "copied"]),
        st.floats(0, 1),
    )
)
def test_an_origin_is_read_as_it_was_written(values: dict[str, float]) -> None:
    found = Origin.from_json(values)
    assert (found is None) == (not values)
    if found is not None:
        assert Origin.from_json(found.to_json()) == found
