"""The likelihood of clips: the same in pieces as in one, and in any company."""

from __future__ import annotations

import numpy as np
import pytest

from nsynth_batch.models import likelihood
from nsynth_batch.models.likelihood import clip_nll
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.wavenet.plain_family import FAMILY


def test_pieces_and_company_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = FAMILY.initial(PlainConfig(4, 2, 6, 10), 3)
    model = FAMILY.model(weights, make_engine(weights, "native", threads=1))
    draw = np.random.default_rng(4)
    clips = list(draw.uniform(-0.4, 0.4, (5, 300)).astype(np.float32))
    primes = list(draw.uniform(-0.4, 0.4, (5, 90)).astype(np.float32))
    for begun in (None, primes):
        whole = clip_nll(model, clips, begun)
        with monkeypatch.context() as patch:
            patch.setattr(likelihood, "_PIECE", 7)
            patch.setattr(type(model), "scored_at_once", 2)
            steps: list[int] = []
            np.testing.assert_allclose(clip_nll(model, clips, begun, steps.append), whole, 1e-5)
        assert sum(steps) == 5 * 300
        alone = clip_nll(model, clips[3:4], begun and begun[3:4])
        assert alone[0] == whole[3]
    given = model.nll(np.concatenate([primes[1], clips[1]])[None], given=90)
    assert clip_nll(model, clips, primes)[1] == pytest.approx(given[0], rel=1e-6)
    assert len(clip_nll(model, [])) == 0
