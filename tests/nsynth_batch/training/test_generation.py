from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.wavenet.plain_family import FAMILY
from nsynth_batch.training.generation import TEMPERATURES, Generated, GenerationListener
from nsynth_batch.training.listening import BEST, BEST_FREE_RUNNING

CONFIG = PlainConfig(num_layers=2, num_stages=2, width=4, skip_width=4, sample_rate=2000)


def test_a_listening_point_of_a_generator_leaves_clips_and_both_bests(tmp_path: Path) -> None:
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, 512).astype(np.float32)
    listener = GenerationListener(str(tmp_path), [("noise", sound)])
    found = listener.listen(7, FAMILY.initial(CONFIG, 0))
    folder = tmp_path / "listening" / "step-000007"
    assert {path.name for path in folder.glob("*.wav")} == {
        f"temperature-{heat:g}.wav" for heat in TEMPERATURES
    }
    # Random weights know nothing of either: what they make surprises them as much.
    assert found.scored == pytest.approx(5.55, abs=0.5)
    assert found.drift < 0.5
    assert found.drift == pytest.approx(abs(found.drawn_nll - found.scored))
    assert found.drawn_nll == pytest.approx(found.entropy, abs=0.1)
    digests = {load_checkpoint(tmp_path / name).digest() for name in (BEST, BEST_FREE_RUNNING)}
    assert len(digests) == 1


def test_good_clips_count_first_and_the_drift_after_them(tmp_path: Path) -> None:
    listener = GenerationListener(str(tmp_path), [])
    good, drifting, silent = (Generated(2.0, *rest) for rest in ((1.0, 0.1), (1.0, 1.5), (0, 1.9)))
    scores = [listener.free_running(found) for found in (good, drifting, silent)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] <= 1
