from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from nsynth_batch.models import quantiser
from nsynth_batch.models.code_generator import code_nll
from nsynth_batch.models.quantiser import MU_LAW_NSYNTH
from nsynth_batch.models.wavenet.model import Model
from nsynth_batch.models.wavenet.tensorflow_engine import TensorflowEngine
from nsynth_batch.models.weights import Weights
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.evaluation import UNIFORM_NLL, evaluate, evaluate_loss, linear_nll


def test_equal_logits_cost_what_knowing_nothing_costs() -> None:
    codes = np.array([-128, 0, 127], np.int16)
    np.testing.assert_allclose(
        code_nll(np.full((3, 256), 7, np.float32), codes, MU_LAW_NSYNTH), UNIFORM_NLL
    )


def test_linear_predictor_knows_a_tone_and_not_noise() -> None:
    tone = quantiser.encode((0.5 * np.sin(np.arange(4000) * 0.1)).astype(np.float32))
    noise = quantiser.encode(np.random.default_rng(0).uniform(-0.9, 0.9, 4000).astype(np.float32))
    assert linear_nll(tone) < 2.0
    assert 4.0 < linear_nll(noise) < UNIFORM_NLL


def test_linear_predictor_of_white_noise_costs_its_entropy() -> None:
    """For Gaussian noise the predictor can do no better than the noise's own bins."""
    draw = np.random.default_rng(1).normal(0, 0.1, 20_000).astype(np.float32)
    codes = quantiser.encode(draw)
    counts = np.bincount(codes + 128, minlength=256) / len(codes)
    entropy = -(counts[counts > 0] * np.log(counts[counts > 0])).sum()
    assert linear_nll(codes) == pytest.approx(entropy, abs=0.05)


def test_each_recording_is_scored_but_for_its_tail(tiny_weights: Weights) -> None:
    draw = np.random.default_rng(2)
    corpus = Corpus(
        [
            ("long", [draw.integers(-9000, 9000, 1000).astype(np.int16)]),
            ("short", [np.ones(9, "i2")]),
        ]
    )
    model = Model(tiny_weights, TensorflowEngine(tiny_weights))
    [score] = evaluate(model, corpus, piece_seconds=512 / 16_000)
    assert (score.name, score.seconds) == ("long", 960 / 16_000)
    audio = (dict(corpus.recordings())["long"][:960] / 32768).astype(np.float32)
    pieces = [audio[None, :512], audio[None, 512:]]
    total = sum(
        code_nll(model.logits(p, model.encode(p)), quantiser.encode(p), MU_LAW_NSYNTH).sum()
        for p in pieces
    )
    assert score.nll == pytest.approx(total / 960, rel=1e-6)


def test_a_model_without_a_likelihood_is_scored_by_its_loss() -> None:
    class Power:
        hop = 100

        def loss(self, audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
            return np.square(audio, dtype=np.float64).mean(axis=1)

    corpus = Corpus([("half", [np.full(250, 2**14, "i2")]), ("short", [np.ones(99, "i2")])])
    [score] = evaluate_loss(Power(), corpus)
    assert (score.name, score.seconds, score.loss) == ("half", 200 / 16_000, 0.25)
