from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.fidelity import Measures
from nsynth_batch.training.listening import BEST, Listener, score, stretches
from tests.nsynth_batch.builders import ODD

RATE = ODD.sample_rate


def corpus(*seconds: float) -> Corpus:
    draw = np.random.default_rng(1)
    return Corpus(
        (f"take {k}/{chr(0x1F3B8)}.wav", [draw.integers(-9000, 9000, int(s * RATE)).astype("<i2")])
        for k, s in enumerate(seconds)
    )


def test_the_loudest_stretch_of_recordings_spread_over_the_corpus_is_picked() -> None:
    quiet_then_loud = np.concatenate([np.full(4 * RATE, 10), np.full(RATE, 9000)]).astype(np.int16)
    found = stretches(Corpus([("a", [quiet_then_loud])]), ODD.hop, seconds=1.0)
    assert [name for name, _ in found] == ["a"]
    assert len(found[0][1]) == RATE // ODD.hop * ODD.hop
    assert found[0][1].min() > 0.2
    many = stretches(corpus(*[1.0] * 20), ODD.hop, count=4, seconds=0.5)
    assert [name.split("/")[0] for name, _ in many] == ["take 0", "take 6", "take 13", "take 19"]


@pytest.mark.parametrize(
    ("seconds", "picked"),
    [((0.001,), []), ((), []), ((0.3, 0.2), [0, 1]), ((0.3, 3.0, 0.2), [1])],
)
def test_short_recordings_are_picked_only_where_there_are_no_longer_ones(
    seconds: tuple[float, ...], picked: list[int]
) -> None:
    found = stretches(corpus(*seconds), ODD.hop, seconds=2.0)
    assert [int(name[5]) for name, _ in found] == picked
    assert all(len(audio) % ODD.hop == 0 and len(audio) for _, audio in found)


def test_whole_recordings_are_picked_at_any_length_where_asked() -> None:
    found = stretches(corpus(0.3, 2.0, 0.1), ODD.hop, count=3, seconds=math.inf, short=True)
    assert [len(audio) for _, audio in found] == [
        int(s * RATE) // ODD.hop * ODD.hop for s in (0.3, 2.0, 0.1)
    ]


def test_a_listening_point_leaves_sound_picture_measures_and_the_best_model(
    tmp_path: Path,
) -> None:
    sounds = stretches(corpus(0.5, 0.4), ODD.hop, seconds=0.3)
    listener = Listener(str(tmp_path), sounds)
    weights = random_weights(ODD, 1)
    found = listener.listen(7, weights)
    folder = tmp_path / "listening/step-000007"
    assert sorted(p.name for p in folder.iterdir()) == [
        "1-take_0_.wav.png", "1-take_0_.wav.wav", "2-take_1_.wav.png", "2-take_1_.wav.wav",
    ]  # fmt: skip
    audio, rate = soundfile.read(folder / "1-take_0_.wav.wav", dtype="float32")
    source = sounds[0][1]
    assert rate == RATE
    assert len(audio) == 2 * len(source) + RATE // 2
    assert np.allclose(audio[: len(source)], source, atol=1e-3)
    assert np.array_equal(audio[len(source) : len(source) + RATE // 2], np.zeros(RATE // 2))
    assert math.isfinite(found.spread)
    assert load_checkpoint(tmp_path / BEST).digest() == weights.digest()


def test_the_best_model_stays_until_a_better_one_comes(tmp_path: Path) -> None:
    sounds = stretches(corpus(0.5), ODD.hop, seconds=0.3)
    listener = Listener(str(tmp_path), sounds, best=2.0)
    listener.listen(7, random_weights(ODD, 1))
    assert not (tmp_path / BEST).exists()


def test_the_score_counts_what_there_are_no_frames_for_as_nothing() -> None:
    assert score(Measures(0.5, 0.9, 0.3, 1.0)) == pytest.approx(0.4)
    assert score(Measures(math.nan, math.nan, 0.3, math.nan)) == pytest.approx(0.15)
