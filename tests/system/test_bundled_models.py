"""The bundled models play what their cards say, with a margin for other processors."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nsynth_batch.cli import main
from nsynth_batch.models import load_model
from nsynth_batch.models.checkpoint import bundled_names
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.evaluation import model_nll
from nsynth_batch.training.fidelity import measures, reconstructed, reconstructed_and_scored
from nsynth_batch.training.stretches import Sound, stretches
from nsynth_batch.training.surprise import CodeAutoencoder, Surprise
from tests.nsynth_batch.recordings import tone, write_wav

SECONDS = 1.5
HOP, RATE = 512, 16_000
HELD_OUT = ("ambi_choir", "ambi_drone", "ambi_glass_hum", "loop_safari", "misc_crow")
"""Of the bundled recordings those that `small` and `spectral` never saw."""


@pytest.fixture(scope="module")
def sounds() -> list[Sound]:
    """Return the loudest stretch of each bundled recording."""
    with as_file(files("nsynth_batch") / "recordings") as folder:
        corpus = Corpus.from_folder(folder, RATE)
    return stretches(corpus, HOP, count=len(corpus), seconds=SECONDS, short=True)


@pytest.fixture(scope="module")
def unseen(sounds: list[Sound]) -> list[Sound]:
    found = [(name, audio) for name, audio in sounds if Path(name).stem in HELD_OUT]
    assert len(found) == len(HELD_OUT)
    return found


def test_each_has_a_card_with_its_measures() -> None:
    for name in bundled_names():
        card = (files("nsynth_batch") / "checkpoints" / f"{name}.md").read_text()
        assert card.startswith(f"# Model card: `{name}`")
        for measure in ("pitch kept", "periodicity", "partials", "spread", "nats"):
            assert measure in card, (name, measure)
        assert ("entropy" in card) == isinstance(load_model(name), CodeAutoencoder), name


def test_demo_plays_the_bundled_recordings(sounds: list[Sound]) -> None:
    outputs, drawn = reconstructed_and_scored(load_model("demo", threads=2), sounds, seconds=0.5)
    kept = measures([audio for _, audio in sounds], outputs, RATE, sum(drawn, Surprise()))
    assert kept.drawn_nll == pytest.approx(kept.entropy, abs=0.02)
    assert 2.0 < kept.entropy < 3.2
    assert kept.pitch_kept >= 0.65
    assert kept.periodicity >= 0.78
    assert kept.partials >= 0.52
    assert kept.spread >= 0.7


def test_small_predicts_loud_moments_of_recordings_that_it_never_saw(
    unseen: list[Sound],
) -> None:
    model = load_model("small", threads=2)
    samples = sum(len(audio) for _, audio in unseen)
    nats = sum(model_nll(model, audio) * len(audio) for _, audio in unseen) / samples
    assert nats < 2.8


def test_small_keeps_some_of_sounds_that_it_learned_and_of_others(
    sounds: list[Sound], unseen: list[Sound]
) -> None:
    made = reconstructed(load_model("small", threads=2), sounds)
    outputs = {name: output for (name, _), output in zip(sounds, made, strict=True)}
    for some, pitch, partials in ((sounds, 0.3, 0.2), (unseen, 0.1, 0.15)):
        kept = measures([a for _, a in some], [outputs[name] for name, _ in some], RATE)
        assert kept.pitch_kept >= pitch
        assert kept.partials >= partials
        assert kept.spread >= 0.25


def test_spectral_keeps_the_pitch_of_sounds_that_it_never_saw(unseen: list[Sound]) -> None:
    model = load_model("spectral", threads=2)
    kept = measures([audio for _, audio in unseen], reconstructed(model, unseen), RATE)
    assert kept.pitch_kept >= 0.85
    assert kept.partials >= 0.6
    assert kept.spread >= 0.6


def test_spectral_takes_recordings_to_clips(tmp_path: Path) -> None:
    for name, hertz in (("low", 220.0), ("high", 330.0)):
        write_wav(tmp_path / "in" / f"{name}.wav", tone(1.0, hertz))
    store = ["--store", str(tmp_path / "store")]
    whole = ["run", str(tmp_path / "in"), *store, "--checkpoint", "spectral", "--pairs", "2"]
    assert main([*whole, "--workers", "1", "--seed", "3"]) == 0
    assert main(["clips", "--to", str(tmp_path / "clips"), *store]) == 0
    files = sorted((tmp_path / "clips").glob("*.wav"))
    assert len(files) == 2
    for file in files:
        samples, rate = soundfile.read(file)
        assert (rate, len(samples)) == (RATE, 31 * HOP)
        assert np.abs(samples).max() > 0.1
