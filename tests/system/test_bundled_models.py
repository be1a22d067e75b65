"""The bundled models play what their cards say, with a margin for other processors."""

from __future__ import annotations

from importlib.resources import as_file, files

import pytest

from nsynth_batch.models import load_model
from nsynth_batch.models.checkpoint import bundled_names
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.evaluation import model_nll
from nsynth_batch.training.fidelity import measures, reconstructed
from nsynth_batch.training.stretches import Sound, stretches

SECONDS = 1.5
HOP, RATE = 512, 16_000


@pytest.fixture(scope="module")
def sounds() -> list[Sound]:
    """Return the loudest stretch of each bundled recording."""
    with as_file(files("nsynth_batch") / "recordings") as folder:
        corpus = Corpus.from_folder(folder, RATE)
    return stretches(corpus, HOP, count=len(corpus), seconds=SECONDS, short=True)


def test_each_has_a_card_with_its_measures() -> None:
    for name in bundled_names():
        card = (files("nsynth_batch") / "checkpoints" / f"{name}.md").read_text()
        assert card.startswith(f"# Model card: `{name}`")
        for measure in ("pitch kept", "periodicity", "partials", "spread", "nats"):
            assert measure in card, (name, measure)


def test_demo_plays_the_bundled_recordings(sounds: list[Sound]) -> None:
    outputs = reconstructed(load_model("demo", threads=2), sounds)
    kept = measures([audio for _, audio in sounds], outputs, RATE)
    assert kept.pitch_kept >= 0.35
    assert kept.periodicity >= 0.6
    assert kept.partials >= 0.12
    assert kept.spread >= 0.35


def test_small_predicts_loud_moments_of_recordings(sounds: list[Sound]) -> None:
    model = load_model("small", threads=2)
    samples = sum(len(audio) for _, audio in sounds)
    nats = sum(model_nll(model, audio) * len(audio) for _, audio in sounds) / samples
    assert nats < 3.2
