"""Other sizes than the published: magenta's code with the numbers of another configuration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.models import quantiser
from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.weights import Weights, save_weights
from nsynth_batch.nsynth import load_model
from tests.system.parity.recordings import recording

NARROW = Config(
    num_layers=8,
    num_stages=4,
    width=24,
    skip_width=20,
    ae_num_layers=6,
    ae_num_stages=3,
    ae_width=12,
    ae_bottleneck=8,
    ae_hop_length=64,
)


def converted(config: Config, folder: Path) -> Path:
    """Save random weights with biases in our own form."""
    generator = np.random.default_rng(9)
    tensors = {
        name: generator.normal(0, 0.1, value.shape).astype(np.float32)
        if name.endswith("/biases")
        else value
        for name, value in random_weights(config, 9).tensors.items()
    }
    path = folder / "narrow.safetensors"
    save_weights(Weights(config, tensors), path)
    return path


def test_the_bundled_model_encodes_alike_in_both() -> None:
    ours, theirs = (load_model("small", engine=engine) for engine in ("tensorflow", "magenta"))
    hop = ours.config.ae_hop_length
    audio = recording("guit_harmonics.flac", 16 * hop)[None]
    encodings = theirs.encode(audio)
    assert encodings.shape == (1, 16, ours.config.ae_bottleneck)
    scale = np.sqrt(np.mean(np.square(encodings)))
    assert np.abs(ours.encode(audio) - encodings).max() < 1e-4 * scale
    wanted = theirs.logits(audio, encodings)
    assert np.abs(ours.logits(audio, encodings) - wanted).max() < 1e-3


def test_a_narrow_model_gives_the_same_codes_past_its_receptive_field(tmp_path: Path) -> None:
    path = converted(NARROW, tmp_path)
    ours, theirs = (load_model(path, engine=engine) for engine in ("tensorflow", "magenta"))
    hop = NARROW.ae_hop_length
    audio = recording("misc_crow.flac", 6 * hop)[None]
    encoding = ours.encode(audio)[0]
    assert 6 * hop > 2 * NARROW.receptive_field
    clips = [encoding, encoding[:2], encoding[3:5]]
    # With this seed no draw comes nearer than 6e-6 to a change of bin.
    wanted = theirs.decode(clips, seed=3)
    assert [len(clip) for clip in wanted] == [6 * hop, 2 * hop, 2 * hop]
    for made, clip in zip(ours.decode(clips, seed=3), wanted, strict=True):
        np.testing.assert_array_equal(quantiser.encode(made), quantiser.encode(clip))


def test_magenta_has_no_temperature(tmp_path: Path) -> None:
    model = load_model(converted(NARROW, tmp_path), engine="magenta")
    with pytest.raises(ValueError, match=r"temperature 1 only, not 0\.7"):
        model.decode(np.zeros((1, 1, 8), np.float32), temperature=0.7)


def test_a_hop_that_a_dilation_does_not_divide_is_refused(tmp_path: Path) -> None:
    config = Config(**{**NARROW.to_dict(), "ae_hop_length": 100})
    with pytest.raises(EngineUnavailableError, match=r"8 does not divide the hop of 100"):
        load_model(converted(config, tmp_path), engine="magenta")
