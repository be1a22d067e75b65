"""State dicts of samplernn-pytorch, the code that most SampleRNNs were trained with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.samplernn.config import QUANTA, SampleConfig, tensor_shapes
from nsynth_batch.models.samplernn.initial import norms
from nsynth_batch.models.torch_file import read_torch_file
from nsynth_batch.models.weights import Array, CheckpointError, Weights, fitting
from nsynth_batch.settings.defaults import SAMPLE_RATE

_EMBEDDING = "sample_level_mlp.embedding.weight"


def read(
    path: Path,
    *,
    frames: tuple[int, ...] | None = None,
    sample_rate: int = SAMPLE_RATE,
    quantiser: str = "linear",
) -> Weights[SampleConfig]:
    """Read a state dict.

    Sizes are read off its tensors. It says nothing of sounds: rate and quantiser are given.

    Parameters
    ----------
    path : Path
        What ``torch.save(model.state_dict(), …)`` wrote, of any PyTorch since 0.2.
    frames : tuple of int, optional
        Lengths of frames in samples, the longest first: refused if the tensors have others.
    sample_rate : int
        Of the recordings that it was trained on.
    quantiser : str
        Theirs; linear codes are read with the gain 1, for each recording had one of its own.

    Returns
    -------
    Weights

    Raises
    ------
    CheckpointError
        If the file cannot be read, is of another network, or has other frames.
    """
    stored = _own(read_torch_file(path), path)
    try:
        config = _config(stored, sample_rate, quantiser)
        tensors = _converted(stored, config)
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointError(f"{path}: no SampleRNN of samplernn-pytorch: {error}") from None
    if frames is not None and frames != config.frames:
        raise CheckpointError(
            f"{path}: its frames are of {_listed(config.frames)} samples, not {_listed(frames)}"
        )
    metadata = {"source": path.name, "weights": "imported from samplernn-pytorch"}
    own = fitting(tensor_shapes(config), tensors, str(path))
    return Weights(config, own, metadata, "samplernn")


def _listed(frames: tuple[int, ...]) -> str:
    return ", ".join(map(str, frames))


def _own(tensors: Mapping[str, npt.NDArray[np.generic]], path: Path) -> dict[str, Array]:
    """Return the network's tensors, by their names inside it."""
    before = [name.removesuffix(_EMBEDDING) for name in tensors if name.endswith(_EMBEDDING)]
    if len(before) != 1:
        raise CheckpointError(f"{path}: no SampleRNN of samplernn-pytorch: it has no {_EMBEDDING}")
    return {
        name.removeprefix(before[0]): np.asarray(value, np.float32)
        for name, value in tensors.items()
        if name.startswith(before[0])
    }


def _config(stored: Mapping[str, Array], sample_rate: int, quantiser: str) -> SampleConfig:
    tiers = [name for name in stored if name.endswith(".rnn.weight_hh_l0")]
    units = [name for name in stored if name.startswith("frame_level_rnns.0.rnn.weight_hh_l")]
    codes, embedding = stored[_EMBEDDING].shape
    if codes != QUANTA:
        raise ValueError(f"it has {codes} codes, and a sample here has {QUANTA}")
    # Its fastest tier comes first.
    lengths = [_layer(stored, f"{_tier(i)}.input_expand").shape[1] for i in range(len(tiers))]
    return SampleConfig(
        frames=tuple(reversed(lengths)),
        hidden=stored[f"{_tier(0)}.rnn.weight_hh_l0"].shape[1],
        layers=len(units),
        embedding=embedding,
        reset_after=True,
        sample_rate=sample_rate,
        quantiser=quantiser,
        sequence=max(lengths) * -(-1024 // max(lengths)),
    )


def _tier(number: int) -> str:
    return f"frame_level_rnns.{number}"


def _converted(stored: Mapping[str, Array], config: SampleConfig) -> dict[str, Array]:
    """Return the tensors under the names and in the order of axes that they have here."""
    tensors: dict[str, Array] = {"embedding": stored[_EMBEDDING]}

    def add(name: str, weights: Array, biases: Array | None) -> None:
        tensors[f"{name}/V"] = np.ascontiguousarray(weights)
        tensors[f"{name}/g"] = norms(weights).astype(np.float32)
        if biases is not None:
            tensors[f"{name}/biases"] = biases

    tiers = len(config.frames)
    for tier in range(1, tiers + 1):
        name, theirs = f"tier_{tier}", _tier(tiers - tier)
        frames = _layer(stored, f"{theirs}.input_expand")[:, :, 0].T
        add(f"{name}/input", frames, stored[f"{theirs}.input_expand.bias"])
        up = _layer(stored, f"{theirs}.upsampling.conv_t")
        # [in, out, phase] → [in, phase · out]
        weights = up.transpose(0, 2, 1).reshape(up.shape[0], -1)
        add(f"{name}/up", weights, stored[f"{theirs}.upsampling.bias"].T.reshape(-1))
        tensors[f"{name}/begin"] = stored[f"{theirs}.h0"]
        for i in range(config.layers):
            unit = {
                part: stored[f"{theirs}.rnn.{part}_l{i}"]
                for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            tensors |= {f"{name}/gru_{i + 1}/{k}": v for k, v in _unit(unit).items()}
    mlp = "sample_level_mlp"
    add("samples", _layer(stored, f"{mlp}.input").transpose(2, 1, 0), None)
    for name, theirs in (("hidden", f"{mlp}.hidden"), ("logits", f"{mlp}.output")):
        add(name, _layer(stored, theirs)[:, :, 0].T, stored[f"{theirs}.bias"])
    return tensors


def _layer(stored: Mapping[str, Array], name: str) -> Array:
    """Return a layer's weights, norms multiplied in; those of its first axis, whatever it is."""
    if f"{name}.weight" in stored:
        return stored[f"{name}.weight"]
    direction = stored[f"{name}.weight_v"].astype(np.float64)
    axes = tuple(range(1, direction.ndim))
    length = np.sqrt(np.square(direction).sum(axes, keepdims=True))
    return np.asarray(direction * (stored[f"{name}.weight_g"] / length), np.float32)


def _unit(unit: Mapping[str, Array]) -> dict[str, Array]:
    """Return a gated unit's tensors.

    PyTorch's gates are reset, update, candidate, and its update says how much of the state stays:
    here it is how much goes, and the logistic of -x is one less that of x.
    """
    reset, update, candidate = np.split(unit["weight_ih"], 3)
    reset_h, update_h, candidate_h = np.split(unit["weight_hh"], 3)
    reset_b, update_b, candidate_b = np.split(unit["bias_ih"], 3)
    reset_hb, update_hb, candidate_hb = np.split(unit["bias_hh"], 3)
    return {
        "input/W": np.concatenate([-update, reset, candidate]).T.copy(),
        "input/biases": np.concatenate([-(update_b + update_hb), reset_b + reset_hb, candidate_b]),
        "gates/W": np.concatenate([-update_h, reset_h]).T.copy(),
        "candidate/W": candidate_h.T.copy(),
        "candidate/biases": candidate_hb,
    }
