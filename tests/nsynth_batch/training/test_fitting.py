"""What no gradient teaches: which sounds it is fitted to, and that `train` ends with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.cli import main
from nsynth_batch.models import load_model
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.recipe import FREE_RUNNING, Recipe
from nsynth_batch.models.wavenet.family import NSynth, random_weights
from nsynth_batch.training import fitting
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.fitting import fitting_sounds, with_fitted
from tests.nsynth_batch.builders import ODD, TINY
from tests.nsynth_batch.recordings import tone, write_wav


def corpus(count: int, seconds: float = 0.5) -> Corpus:
    samples = (tone(seconds, 300.0) * 20_000).astype(np.int16)
    return Corpus([(f"{k}.wav", [samples]) for k in range(count)])


def test_a_small_corpus_is_fitted_to_whole() -> None:
    found = fitting_sounds("nsynth", FREE_RUNNING, corpus(3), 64)
    assert [len(sound) for sound in found] == [8000] * 3


def test_of_a_large_one_stretches_of_recordings_that_are_spread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "_SECONDS", 0.64)
    monkeypatch.setattr(fitting, "_MOST", 4)
    found = fitting_sounds("nsynth", FREE_RUNNING, corpus(9), 64)
    assert [len(sound) for sound in found] == [2560] * 4


@pytest.mark.parametrize(
    ("family", "recipe"), [("nsynth", Recipe()), ("wavenet", FREE_RUNNING), ("spectral", Recipe())]
)
def test_nothing_is_fitted_of_others(family: str, recipe: Recipe) -> None:
    assert fitting_sounds(family, recipe, corpus(2), 64) == []


def test_a_model_without_sounds_is_as_it_was_learned() -> None:
    weights = random_weights(ODD, 1)
    assert with_fitted(weights, []) is weights
    fitted = with_fitted(weights, fitting_sounds("nsynth", FREE_RUNNING, corpus(2), 64))
    assert fitted.config.postfilter
    assert NSynth().unfitted(fitted).digest() == weights.digest()


def test_train_ends_with_a_postfilter_goes_on_without_and_has_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NSynth.presets, "small", TINY)  # type: ignore[index]
    write_wav(tmp_path / "in" / "low.wav", tone(0.5, 200.0))
    flags = ["--from", str(tmp_path / "in"), "--held-out", "0", "--crop-samples", "1024"]
    flags += ["--listen-steps", "0", "--batch", "1"]

    def train(name: str, *words: str) -> Path:
        out = tmp_path / name
        assert main(["train", str(out), *flags, *words]) == 0
        return out

    once = train("once", "--steps", "3")
    assert load_model(once).config.postfilter
    model = json.loads((once / "model.json").read_text())["model"]
    before = (once / model).read_bytes()
    assert (train("once", "--steps", "3") / model).read_bytes() == before
    # Stopped halfway and gone on with: the postfilter of step 2 teaches nothing.
    train("twice", "--steps", "2", "--decay-steps", "1")
    twice = train("twice", "--steps", "3", "--decay-steps", "1")
    whole = train("whole", "--steps", "3", "--decay-steps", "1")
    assert load_checkpoint(twice).digest() == load_checkpoint(whole).digest()
    # And so does that of a model to begin with.
    best = load_checkpoint(once / "best.safetensors")
    assert best.digest() == load_checkpoint(once).digest()
    assert load_model(train("more", "--init", str(once), "--steps", "1")).config.postfilter
    published = train("published", "--recipe", "published", "--steps", "1")
    assert not load_model(published).config.postfilter
    assert main(["train", str(tmp_path / "x"), *flags, "--size", "postfilter=8"]) == 2
    assert "postfilter is no size to train with" in capsys.readouterr().err
