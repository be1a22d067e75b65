from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load, save_file

from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.wavenet.config import tensor_shapes
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.weights import (
    CheckpointError,
    Weights,
    fitting,
    safetensors_bytes,
    save_weights,
)


def test_weights_come_back_as_they_went(tiny_weights: Weights, tmp_path: Path) -> None:
    save_weights(tiny_weights, tmp_path / "deep" / "model.safetensors")
    back = load_checkpoint(tmp_path / "deep" / "model.safetensors")
    assert back.config == tiny_weights.config
    assert dict(back.metadata) == {"note": "tiny"}
    assert back.digest() == tiny_weights.digest()
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["model.safetensors"]


def test_same_seed_same_weights_within_the_published_bounds() -> None:
    from tests.nsynth_batch.builders import ODD

    one, two = random_weights(ODD, 1), random_weights(ODD, 1)
    assert one.digest() == two.digest() != random_weights(ODD, 2).digest()
    kernel = one.tensors["dilatedconv_1/W"]
    assert np.abs(kernel).max() <= np.sqrt(3 / (3 * ODD.width))
    assert not one.tensors["dilatedconv_1/biases"].any()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda t: t.pop("res_2/W"), r"'res_2/W' is missing \(wanted shape \(1, 1, 6, 6\)\)"),
        (lambda t: t.update({"out1/biases": np.zeros(3, np.float32)}), "'out1/biases' has shape"),
        (lambda t: t.update({"out1/biases": np.full(10, np.nan, np.float32)}), "not finite"),
    ],
)
def test_first_unfit_tensor_is_named(tiny_weights: Weights, damage: object, said: str) -> None:
    tensors = dict(tiny_weights.tensors)
    damage(tensors)
    with pytest.raises(CheckpointError, match=said):
        fitting(tensor_shapes(tiny_weights.config), tensors, "here")


def test_file_cut_short_says_so(tiny_weights: Weights, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_weights(tiny_weights, file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_checkpoint(file)


def test_foreign_safetensors_says_so(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="no model's configuration"):
        load_checkpoint(tmp_path / "a.safetensors")


def test_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "none.safetensors")


@given(
    metadata=st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=9), max_size=6),
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=3),
)
def test_the_same_content_has_the_same_bytes(metadata: dict[str, str], sizes: list[int]) -> None:
    tensors = {f"t{k}": np.full((size, 2), k, np.float32) for k, size in enumerate(sizes)}
    data = safetensors_bytes(tensors, metadata)
    again = dict(reversed(metadata.items()))
    assert safetensors_bytes(tensors, again) == data
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        file.write_bytes(data)
        with safe_open(file, "numpy") as opened:
            assert (opened.metadata() or {}) == metadata
    found = load(data)
    assert found.keys() == tensors.keys()
    assert all(np.array_equal(found[name], values) for name, values in tensors.items())
