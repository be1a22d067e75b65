"""Magenta's own checkpoint, as our reader finds it: whole, cut short, and with less in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow.compat.v1 as tf

from nsynth_batch.models.checkpoint import convert, inspect, load_checkpoint
from nsynth_batch.models.wavenet.config import tensor_shapes
from nsynth_batch.nsynth import CheckpointError, Config, Model, load_model
from tests.system.parity.checkpoints import AVERAGE, Published, digest
from tests.system.parity.recordings import recording


def save(folder: Path, tensors: dict[str, npt.NDArray[np.float32]]) -> Path:
    with tf.Graph().as_default(), tf.Session() as session:
        for name, value in tensors.items():
            tf.get_variable(name, initializer=value)
        session.run(tf.global_variables_initializer())
        return Path(tf.train.Saver().save(session, str(folder / "model.ckpt")))


@pytest.mark.parametrize(("ema", "suffix"), [(False, ""), (True, AVERAGE)])
def test_every_tensor_is_read_bit_for_bit(published: Published, ema: bool, suffix: str) -> None:
    weights = load_checkpoint(published.prefix, ema=ema)
    assert weights.config == Config()
    assert len(weights.tensors) == 124 + 250
    for name, value in weights.tensors.items():
        assert digest(value) == published.digests[name + suffix], name


def test_inspect_tells_size_step_and_averages(published: Published) -> None:
    found = inspect(published.prefix)
    assert (found.kind, found.averaged, found.config) == ("magenta", True, Config())
    assert found.parameters == 1_976_336 + 59_827_712
    assert set(found.tensors) == set(published.digests)


def test_a_converted_checkpoint_encodes_identically(
    published: Published, ours: Model, tmp_path: Path
) -> None:
    target = tmp_path / "published.safetensors"
    convert(published.prefix, target)
    audio = recording("guit_em9.flac", 4 * 512)[None]
    made = load_model(target, engine="tensorflow").encode(audio)
    target.unlink()
    np.testing.assert_array_equal(made, ours.encode(audio))


def test_a_checkpoint_cut_short_is_told_by_name(published: Published, tmp_path: Path) -> None:
    prefix = tmp_path / published.prefix.name
    shutil.copy(f"{published.prefix}.index", tmp_path)
    data = Path(f"{published.prefix}.data-00000-of-00001")
    with data.open("rb") as whole:
        (tmp_path / data.name).write_bytes(whole.read(1_000_000))
    with pytest.raises(CheckpointError, match="cut short or damaged") as caught:
        load_checkpoint(prefix)
    assert str(prefix) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_first_missing_tensor_is_named(tmp_path: Path) -> None:
    shapes = tensor_shapes(Config())
    present = ("ae_startconv/W", "ae_startconv/biases", "ae_dilatedconv_1/biases")
    prefix = save(tmp_path, {name: np.ones(shapes[name], np.float32) for name in present})
    with pytest.raises(CheckpointError, match="tensor 'ae_dilatedconv_1/W' is missing"):
        load_checkpoint(prefix)
    with pytest.raises(CheckpointError, match="holds no averaged weights"):
        load_checkpoint(prefix, ema=True)


def test_a_misshapen_tensor_is_named(tmp_path: Path) -> None:
    tensors = {
        "ae_startconv/W": np.ones((1, 3, 1, 128), np.float32),
        "ae_startconv/biases": np.ones(64, np.float32),
    }
    with pytest.raises(CheckpointError, match=r"'ae_startconv/biases' has shape \(64,\), wanted"):
        load_checkpoint(save(tmp_path, tensors))
