"""State dicts of samplernn-pytorch: what the network says is what theirs says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nsynth_batch.cli import main
from nsynth_batch.models.checkpoint import convert, load_checkpoint
from nsynth_batch.models.samplernn.engine import SampleEngine
from nsynth_batch.models.weights import CheckpointError
from tests.nsynth_batch.models.torch_writer import write_torch_file

Arrays = dict[str, npt.NDArray[np.float32]]

RATIOS, UNITS, HIDDEN, QUANTA = (2, 3), 2, 8, 256
"""Frames of 2 and of 6 samples, as they count: from the fastest tier up."""


def state_dict(seed: int = 1) -> Arrays:
    """Return random tensors under their names, with norms of their own as they have them."""
    draw = np.random.default_rng(seed)

    def some(*shape: int) -> npt.NDArray[np.float32]:
        return draw.normal(0, 0.4, shape).astype(np.float32)

    tensors: Arrays = {}
    frame = 1
    for tier, ratio in enumerate(RATIOS):
        name, frame = f"model.frame_level_rnns.{tier}", frame * ratio
        tensors[f"{name}.h0"] = some(UNITS, HIDDEN)
        tensors[f"{name}.input_expand.bias"] = some(HIDDEN)
        tensors[f"{name}.input_expand.weight_g"] = some(HIDDEN, 1, 1)
        tensors[f"{name}.input_expand.weight_v"] = some(HIDDEN, frame, 1)
        for i in range(UNITS):
            for part in ("weight_ih", "weight_hh"):
                tensors[f"{name}.rnn.{part}_l{i}"] = some(3 * HIDDEN, HIDDEN)
            for part in ("bias_ih", "bias_hh"):
                tensors[f"{name}.rnn.{part}_l{i}"] = some(3 * HIDDEN)
        tensors[f"{name}.upsampling.bias"] = some(HIDDEN, ratio)
        tensors[f"{name}.upsampling.conv_t.weight_g"] = some(HIDDEN, 1, 1)
        tensors[f"{name}.upsampling.conv_t.weight_v"] = some(HIDDEN, HIDDEN, ratio)
    mlp = "model.sample_level_mlp"
    tensors[f"{mlp}.embedding.weight"] = some(QUANTA, QUANTA)
    tensors[f"{mlp}.input.weight_g"] = some(HIDDEN, 1, 1)
    tensors[f"{mlp}.input.weight_v"] = some(HIDDEN, QUANTA, RATIOS[0])
    for layer, out in (("hidden", HIDDEN), ("output", QUANTA)):
        tensors[f"{mlp}.{layer}.bias"] = some(out)
        tensors[f"{mlp}.{layer}.weight_g"] = some(out, 1, 1)
        tensors[f"{mlp}.{layer}.weight_v"] = some(out, HIDDEN, 1)
    return tensors


def weight(tensors: Arrays, name: str) -> npt.NDArray[np.float32]:
    direction = tensors[f"{name}.weight_v"]
    flat = direction.reshape(len(direction), -1)
    norm = np.linalg.norm(flat, axis=1).reshape(-1, *[1] * (direction.ndim - 1))
    found: npt.NDArray[np.float32] = direction / norm * tensors[f"{name}.weight_g"]
    return found


def logistic(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def their_logits(tensors: Arrays, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the logits [T, 256] of codes from 0 to 255, by their own algorithm in their order."""
    longest = int(np.prod(RATIOS))
    known = np.concatenate([np.full(longest, QUANTA // 2), codes])
    frames = np.cumprod(RATIOS)
    condition: npt.NDArray[np.float32] | None = None
    for tier in reversed(range(len(RATIOS))):
        name, frame = f"model.frame_level_rnns.{tier}", int(frames[tier])
        first = longest - frame
        pieces = known[first : first + len(codes)].reshape(-1, frame)
        x = 2 * (pieces / (QUANTA / 2) - 1) @ weight(tensors, f"{name}.input_expand")[:, :, 0].T
        x = x + tensors[f"{name}.input_expand.bias"]
        if condition is not None:
            x = x + condition
        for i in range(UNITS):
            state, states = tensors[f"{name}.h0"][i], []
            part = {k: tensors[f"{name}.rnn.{k}_l{i}"] for k in ("weight_ih", "weight_hh")}
            bias = {k: tensors[f"{name}.rnn.{k}_l{i}"] for k in ("bias_ih", "bias_hh")}
            for row in x:
                of_input = np.split(part["weight_ih"] @ row + bias["bias_ih"], 3)
                of_state = np.split(part["weight_hh"] @ state + bias["bias_hh"], 3)
                reset, update = (logistic(of_input[k] + of_state[k]) for k in (0, 1))
                new = np.tanh(of_input[2] + reset * of_state[2])
                state = (1 - update) * new + update * state
                states.append(state)
            x = np.stack(states)
        up = weight(tensors, f"{name}.upsampling.conv_t")
        phases = np.einsum("ti,iok->tko", x, up) + tensors[f"{name}.upsampling.bias"].T
        condition = phases.reshape(-1, HIDDEN)
    mlp = "model.sample_level_mlp"
    first = longest - RATIOS[0]
    seen = np.stack([known[first + k : first + k + len(codes)] for k in range(RATIOS[0])], 1)
    embedded = tensors[f"{mlp}.embedding.weight"][seen]
    x = np.einsum("tkq,oqk->to", embedded, weight(tensors, f"{mlp}.input")) + condition
    for layer in ("hidden", "output"):
        x = np.maximum(x, 0) @ weight(tensors, f"{mlp}.{layer}")[:, :, 0].T
        x = x + tensors[f"{mlp}.{layer}.bias"]
    return np.asarray(x, np.float32)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old"])
def test_the_logits_are_theirs(tmp_path: Path, old: bool) -> None:
    path, target = tmp_path / "ep4-it2000", tmp_path / "model.safetensors"
    write_torch_file(path, state_dict(), old=old)
    weights = convert(path, target, sample_rate=8000)
    assert weights.config.frames == (6, 2)
    assert (weights.config.layers, weights.config.hidden, weights.config.reset_after) == (
        2,
        8,
        True,
    )
    assert (weights.config.sample_rate, weights.config.quantiser) == (8000, "linear")
    read = load_checkpoint(target)
    assert read.digest() == weights.digest()
    codes = np.random.default_rng(2).integers(0, QUANTA, 42)
    found = SampleEngine(read).logits((codes[None] - QUANTA // 2).astype(np.int16))
    np.testing.assert_allclose(found[0], their_logits(state_dict(), codes), atol=2e-6)


def test_the_command_says_the_tiers_and_refuses_what_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = tmp_path / "ep4-it2000", tmp_path / "model.safetensors"
    write_torch_file(path, state_dict())
    command = ["checkpoint", "convert", str(path), str(target)]
    assert main([*command, "--frames", "6,2", "--sample-rate", "44100"]) == 0
    assert "2 tiers of frames: of 6 samples (0.14 ms), then of 2" in capsys.readouterr().out
    assert main([*command, "--frames", "2,3"]) == 2
    assert "its frames are of 6, 2 samples, not 2, 3" in capsys.readouterr().err
    assert main([*command, "--frames", "six"]) == 2
    assert main([*command, "--ema"]) == 2
    assert main(["checkpoint", "inspect", str(path)]) == 2
    assert "'checkpoint convert' makes it a checkpoint" in capsys.readouterr().err
    assert main(["checkpoint", "convert", "small", str(target), "--sample-rate", "8000"]) == 2
    assert "knows its sample rate itself" in capsys.readouterr().err


def test_another_network_is_refused_by_name(tmp_path: Path) -> None:
    path, target = tmp_path / "ep4-it2000", tmp_path / "model.safetensors"
    tensors = state_dict()
    for change, said in (
        ({"model.sample_level_mlp.embedding.weight": np.zeros((128, 8), np.float32)}, "128 codes"),
        ({"model.frame_level_rnns.1.h0": np.zeros((1, HIDDEN), np.float32)}, "tier_1/begin"),
    ):
        write_torch_file(path, tensors | change)
        with pytest.raises(CheckpointError, match=said):
            convert(path, target)
    for missing in ("sample_level_mlp.embedding.weight", "sample_level_mlp.hidden.bias"):
        write_torch_file(path, {k: v for k, v in tensors.items() if not k.endswith(missing)})
        with pytest.raises(CheckpointError, match=missing):
            convert(path, target)
    assert not target.exists()
