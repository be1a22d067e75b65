from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from nsynth_batch.models.weights import (
    CheckpointError,
    Weights,
    check,
    load_weights,
    random_weights,
    save_weights,
)


def test_weights_come_back_as_they_went(tiny: Weights, tmp_path: Path) -> None:
    save_weights(tiny, tmp_path / "deep" / "model.safetensors")
    back = load_weights(tmp_path / "deep" / "model.safetensors")
    assert back.config == tiny.config
    assert dict(back.metadata) == {"note": "tiny"}
    assert back.digest() == tiny.digest()
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["model.safetensors"]


def test_same_seed_same_weights_within_the_published_bounds() -> None:
    from tests.nsynth_batch.models.conftest import TINY

    one, two = random_weights(TINY, 1), random_weights(TINY, 1)
    assert one.digest() == two.digest() != random_weights(TINY, 2).digest()
    kernel = one.tensors["dilatedconv_1/W"]
    assert np.abs(kernel).max() <= np.sqrt(3 / (3 * TINY.width))
    assert not one.tensors["dilatedconv_1/biases"].any()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda t: t.pop("res_2/W"), r"'res_2/W' is missing \(wanted shape \(1, 1, 6, 6\)\)"),
        (lambda t: t.update({"out1/biases": np.zeros(3, np.float32)}), "'out1/biases' has shape"),
        (lambda t: t.update({"out1/biases": np.full(10, np.nan, np.float32)}), "not finite"),
    ],
)
def test_first_unfit_tensor_is_named(tiny: Weights, damage: object, said: str) -> None:
    tensors = dict(tiny.tensors)
    damage(tensors)
    with pytest.raises(CheckpointError, match=said):
        check(tiny.config, tensors, "here")


def test_file_cut_short_says_so(tiny: Weights, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_weights(tiny, file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_weights(file)


def test_foreign_safetensors_says_so(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="no NSynth configuration"):
        load_weights(tmp_path / "a.safetensors")


def test_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_weights(tmp_path / "none.safetensors")
