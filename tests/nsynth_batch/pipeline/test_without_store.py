from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.models.crossfade import Mixture
from nsynth_batch.models.wavenet.model import Model
from nsynth_batch.nsynth import load_model
from nsynth_batch.pipeline.without_store import Made, Parent, mash, read_parent
from nsynth_batch.settings.mash_rule import MashRule
from sequencer.clips.clips import Clip, write_clips_jsonl
from sequencer.clips.clips import Parent as ClipParent
from sequencer.rights.rights import Rights
from tests.nsynth_batch.recordings import tone, write_wav

RATE, HOP = 16_000, 512


@pytest.fixture(scope="module")
def model(tiny: Path) -> Model:
    loaded = load_model(tiny, threads=1)
    assert isinstance(loaded, Model)
    return loaded


def parent(samples: np.ndarray) -> Parent:
    return Parent(Path("a.wav"), samples.astype(np.float32), (Rights(),), False)


def test_each_parent_is_measured_where_it_has_the_larger_share() -> None:
    """An output that is first the one and then the other has kept all of both."""
    t = np.arange(64 * HOP) / RATE
    a, b = (0.3 * sum(np.sin(2 * np.pi * k * f * t) / k for k in range(1, 6)) for f in (220, 331))
    half = np.arange(64) < 32
    weights = np.stack([half, ~half]).astype(np.float32)
    mixed = Mixture(np.zeros((64, 16), np.float32), weights, (1.0, 1.0))
    spliced = np.where(np.repeat(half, HOP), a, b).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.1, 64 * HOP).astype(np.float32)
    for output, wanted in ((spliced, 1.0), (noise, 0.0)):
        for kept, own in Made(output, (parent(a), parent(b)), mixed, HOP, RATE).kept():
            assert kept.pitch_kept == pytest.approx(wanted, abs=0.05)
            assert kept.partials == pytest.approx(wanted, abs=0.1)
            assert own.periodicity > 0.95


def test_a_mashup_is_that_of_the_model(model: Model, tmp_path: Path) -> None:
    paths = [write_wav(tmp_path / f"{n}.wav", tone(0.3 + n / 10, 200 + 50 * n)) for n in range(2)]
    made = mash(model, [read_parent(path, model, 9.0) for path in paths], MashRule(), seed=3)
    encodings = [model.encode_file(path) for path in paths]
    mixed = model.mashup(*encodings, seed=3)
    assert mixed.shape == (9, 16)
    np.testing.assert_array_equal(made.samples, model.decode(mixed[None], seed=3)[0])
    np.testing.assert_allclose(made.mixture.weights.sum(axis=0), 1)


def test_the_rights_behind_an_exported_clip_are_those_of_its_parents(
    model: Model, tmp_path: Path
) -> None:
    path = write_wav(tmp_path / "clip.wav", tone(0.3))
    every = Rights("Wind", "Ann", "CC-BY-4.0"), Rights("Choir", "Bob", "CC0-1.0")
    parents = tuple(ClipParent(str(n) * 40, rights=rights) for n, rights in enumerate(every))
    write_clips_jsonl(tmp_path, [Clip("clip", "clip.wav", parents=parents)])
    assert read_parent(path, model, 1.0).rights == every


def test_the_shorter_recording_repeats_where_the_longer_decides(
    model: Model, tmp_path: Path
) -> None:
    paths = [write_wav(tmp_path / f"{n}.wav", tone(0.2 + n / 5, 200 + 50 * n)) for n in range(2)]
    parents = [read_parent(path, model, 9.0) for path in paths]
    made = mash(model, parents, MashRule(length="longer"), seed=3)
    assert len(made.samples) == len(parents[1].samples) == 12 * HOP
    mixed = model.mashup(*(model.encode_file(path) for path in paths), length="longer", seed=3)
    np.testing.assert_array_equal(made.samples, model.decode(mixed[None], seed=3)[0])
    assert all(len(parent.samples) == 12 * HOP for parent in made.parents)
