from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.models.checkpoint import (
    bundled_names,
    convert,
    inspect,
    load_checkpoint,
)
from nsynth_batch.models.magenta_files import AVERAGED
from nsynth_batch.models.wavenet.config import CONFIGS, Config
from nsynth_batch.models.wavenet.family import FAMILY, random_weights
from nsynth_batch.models.weights import CheckpointError, Weights

MAGENTA_LIKE = Config(
    num_layers=11, width=4, skip_width=3, ae_num_layers=2, ae_width=5, ae_bottleneck=2
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Weights]:
    """A checkpoint in magenta's form, with averages that are twice the raw weights."""
    import tensorflow as tf

    weights = random_weights(MAGENTA_LIKE, 1)
    prefix = str(tmp_path_factory.mktemp("magenta") / "model.ckpt-7")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = [
            tf.compat.v1.get_variable(n, initializer=v) for n, v in weights.tensors.items()
        ]
        averages = [
            tf.compat.v1.get_variable(n + AVERAGED, initializer=2 * v)
            for n, v in weights.tensors.items()
        ]
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(variables + averages).save(session, prefix)
    return prefix, weights


def test_magenta_checkpoint_is_read_as_it_is(written: tuple[str, Weights]) -> None:
    prefix, weights = written
    for name in (prefix, prefix + ".index", str(Path(prefix).parent)):
        assert load_checkpoint(name).digest() == weights.digest()


def test_averages_are_had_when_asked_for(written: tuple[str, Weights]) -> None:
    prefix, weights = written
    averaged = load_checkpoint(prefix, ema=True)
    np.testing.assert_array_equal(
        averaged.tensors["startconv/W"], 2 * weights.tensors["startconv/W"]
    )


def test_inspect_tells_what_is_inside(written: tuple[str, Weights]) -> None:
    prefix, weights = written
    found = inspect(prefix)
    assert (found.kind, found.config, found.averaged) == ("magenta", MAGENTA_LIKE, True)
    assert found.parameters == sum(v.size for v in weights.tensors.values())
    assert len(found.tensors) == 2 * len(weights.tensors)


def test_converted_checkpoint_is_the_same_model(
    written: tuple[str, Weights], tmp_path: Path
) -> None:
    prefix, weights = written
    convert(prefix, tmp_path / "m.safetensors")
    assert load_checkpoint(tmp_path / "m.safetensors").digest() == weights.digest()
    assert inspect(tmp_path / "m.safetensors").kind == "safetensors"
    with pytest.raises(CheckpointError, match=r"called \.safetensors"):
        convert(prefix, tmp_path / "m.ckpt")
    with pytest.raises(CheckpointError, match="one set of weights"):
        load_checkpoint(tmp_path / "m.safetensors", ema=True)


def test_cut_checkpoint_says_so(written: tuple[str, Weights], tmp_path: Path) -> None:
    prefix, _ = written
    for file in Path(prefix).parent.glob("model.ckpt-7.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    data = tmp_path / "model.ckpt-7.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    with pytest.raises(CheckpointError, match="cut short or damaged"):
        load_checkpoint(tmp_path / "model.ckpt-7")


def test_unknown_name_lists_the_bundled_ones() -> None:
    assert bundled_names() == ["demo", "small", "small-0.1", "spectral"]
    with pytest.raises(CheckpointError, match=r"no checkpoint 'smal': .*small"):
        load_checkpoint("smal")


def test_the_small_model_says_as_much_a_frame_as_its_preset() -> None:
    weights = load_checkpoint("small")
    assert FAMILY.unfitted(weights).config == CONFIGS["small"]
    assert (weights.config.hop, weights.config.ae_bottleneck) == (512, 64)


def test_the_model_of_release_0_1_is_bundled_for_stores_that_were_made_with_it() -> None:
    weights = load_checkpoint("small-0.1")
    assert (weights.config.hop, weights.config.ae_bottleneck) == (512, 16)
    assert weights.digest() == "9e72f739e2aef6d1bb4c8d601b6e95487ff7ce2e4cbb1b358f9f9b88c7bff444"
