from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.audio.recording import mono_blocks
from sequencer.audio.samples import Resampler
from sequencer.clips.clips import Clip, write_clips_jsonl
from sequencer.clips.fingerprint import Fingerprint, likeness, near_duplicates
from sequencer.clips.measures import Meter
from sequencer.composing.candidates import find_candidates
from sequencer.errors import SequencerError
from tests.sequencer.builders import mu_law
from tests.sequencer.sounds import RATE, RECORDINGS, Samples, encoded, noise, pluck, tone

SECONDS = 6


def printed(samples: np.ndarray) -> Fingerprint:
    meter = Meter(RATE)
    meter.add(samples.astype(np.float32))
    return meter.fingerprint()


def recordings() -> dict[str, Samples]:
    """The first seconds of every bundled recording."""
    return {
        path.stem: np.concatenate(list(mono_blocks(path)))[: SECONDS * RATE]
        for path in sorted(RECORDINGS.glob("*.flac"))
    }


REAL = recordings()
PRINTS = {name: printed(samples) for name, samples in REAL.items()}


def resampled(samples: Samples) -> Samples:
    there, back = Resampler(RATE, 44_100), Resampler(44_100, RATE)
    high = np.concatenate([there.add(samples), there.finish()])
    return np.concatenate([back.add(high), back.finish()])


VARIANTS = {
    "softer": lambda samples: 0.1 * samples,
    "mu-law": lambda samples: mu_law(np.clip(samples, -1, 1)),
    "soft mu-law": lambda samples: mu_law(np.clip(0.5 * samples, -1, 1)),
    "later": lambda samples: np.concatenate([np.zeros(160), samples])[: len(samples)],
    "much later": lambda samples: np.concatenate([np.zeros(1600), samples])[: len(samples)],
    "cut": lambda samples: samples[100:],
    "resampled": resampled,
    "upside down": lambda samples: -samples,
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_sound_is_known_again(variant: str) -> None:
    for name, samples in REAL.items():
        like = likeness(printed(VARIANTS[variant](samples)), PRINTS[name])
        assert like is not None, name


def test_different_sounds_are_different() -> None:
    for (one, first), (other, second) in itertools.combinations(PRINTS.items(), 2):
        assert likeness(first, second) is None, (one, other)
    for first, second in itertools.combinations([220, 233, 247, 440, 880], 2):
        assert likeness(printed(pluck(2.0, first)), printed(pluck(2.0, second))) is None
    # The same notes in another order have one spectrum, but not one course.
    low, high = pluck(1.0, 300), pluck(1.0, 600)
    up, down = np.concatenate([low, high]), np.concatenate([high, low])
    assert likeness(printed(up), printed(down)) is None
    assert likeness(printed(up), printed(np.concatenate([up, low]))) is None


@given(st.floats(0.01, 1.0), st.integers(0, 1600), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_gain_and_small_shifts_make_no_difference(gain: float, shift: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    attack = np.minimum(1.0, np.arange(round(0.7 * RATE)) / 80)
    notes = [attack * pluck(0.7, 110 * 2 ** rng.uniform(0, 3)) for _ in range(4)]
    sound = np.concatenate(notes)
    moved = gain * np.concatenate([np.zeros(shift), sound])[: len(sound)]
    assert likeness(printed(moved), printed(sound)) is not None


def test_one_of_each_stays_and_what_is_kept_stays() -> None:
    names = list(PRINTS)
    copies = [printed(0.3 * REAL[name]) for name in names[:3]]
    every = [*PRINTS.values(), *copies]
    count = len(names)
    found = near_duplicates(every)
    assert {place: like.other for place, like in found.items()} == {
        count: 0,
        count + 1: 1,
        count + 2: 2,
    }
    keep = [False] * count + [True, False, False]
    assert near_duplicates(every, keep)[0].other == count
    assert near_duplicates([]) == {}
    assert near_duplicates([every[0]] * 5, [True] * 5) == {}


def test_clips_too_short_or_silent_to_compare_are_left_alone() -> None:
    assert near_duplicates([printed(np.zeros(0)), printed(noise(2.0))]) == {}
    short = [printed(pluck(0.06, 300)), printed(pluck(0.06, 3000))]
    assert near_duplicates(short) == {}


def test_thousands_of_clips_in_seconds() -> None:
    rng = np.random.default_rng(0)
    spectra = rng.integers(-40, 60, (8_000, 96), np.int8)
    courses = rng.integers(-40, 60, (8_000, 195, 10), np.int8)
    prints = [
        Fingerprint(spectrum, course, 0.032, 6.24)
        for spectrum, course in zip(spectra, courses, strict=True)
    ]
    for place in range(500):
        prints[4_000 + place] = replace(
            prints[place], course=np.roll(prints[place].course, 2, axis=0)
        )
    start = time.process_time()
    found = near_duplicates(prints)
    # CPU time of all threads, on a machine that may be busy.
    assert time.process_time() - start < 20
    assert len(found) == 500
    assert all(like.other == place - 4_000 for place, like in found.items())


def test_the_survey_leaves_all_but_one_out_and_says_so(tmp_path: Path) -> None:
    sounds = {
        "a.wav": pluck(2.0, 300),
        "b.wav": pluck(2.0, 500),
        "c.wav": 0.2 * pluck(2.0, 300),
        "d.wav": np.concatenate([np.zeros(400), pluck(2.0, 300)]),
    }
    for name, samples in sounds.items():
        (tmp_path / name).write_bytes(encoded(samples))
    found = find_candidates(tmp_path)
    assert [each.clip.file for each in found.candidates] == ["a.wav", "b.wav"]
    assert [note.split(",")[0].rsplit(" ", 4)[0] for note in found.notes] == [
        "left out 'c.wav': near-duplicate: sounds like 'a.wav': spectra",
        "left out 'd.wav': near-duplicate: sounds like 'a.wav': spectra",
    ]
    everything = find_candidates(tmp_path, keep_all=True)
    verdicts = ["good", "good", "near-duplicate", "near-duplicate"]
    assert [each.clip.verdict for each in everything.candidates] == verdicts
    assert "sounds like 'a.wav'" in everything.candidates[2].clip.verdict_reason
    assert everything.notes[0].startswith("kept 'c.wav': near-duplicate")
    kept = find_candidates(tmp_path, choices={"c.wav": "keep"})
    assert [each.clip.file for each in kept.candidates] == ["b.wav", "c.wav"]


def test_choices_go_before_the_gate(tmp_path: Path) -> None:
    for name, samples in {
        "tone.wav": tone(1.0),
        "hiss.wav": noise(1.0),
        "good.wav": pluck(1.0),
        "better.wav": pluck(1.0, 900),
    }.items():
        (tmp_path / name).write_bytes(encoded(samples))
    names = ["tone.wav", "hiss.wav", "good.wav", "better.wav"]
    write_clips_jsonl(tmp_path, [Clip(name.removesuffix(".wav"), name) for name in names])
    found = find_candidates(tmp_path, choices={"tone": "keep", "good": "reject", "gone": "keep"})
    assert [each.clip.clip_id for each in found.candidates] == ["tone", "better"]
    assert found.notes[0] == "the choices name 1 clip that cannot be found here, such as 'gone'"
    assert "left out 'good.wav': rejected by ear" in found.notes
    assert any(note.startswith("kept 'tone.wav': tone: ") for note in found.notes)
    assert any(note.startswith("left out 'hiss.wav': noise: ") for note in found.notes)
    with pytest.raises(SequencerError, match="1 noise, 2 rejected, 1 tone"):
        find_candidates(tmp_path, choices={"good": "reject", "better": "reject"})
