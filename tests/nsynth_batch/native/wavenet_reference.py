"""The model written down plainly in float64 numpy, sample by sample where it is sequential."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.wavenet.config import Config

Wide = npt.NDArray[np.float64]


def dense(tensors: Mapping[str, npt.NDArray[np.float32]], name: str, x: Wide, tap: int = 0) -> Wide:
    return x @ tensors[f"{name}/W"][0, tap].astype(np.float64)


def bias(tensors: Mapping[str, npt.NDArray[np.float32]], name: str) -> Wide:
    return tensors[f"{name}/biases"].astype(np.float64)


def shifted(x: Wide, by: int) -> Wide:
    """x[t - by], zero outside."""
    y = np.zeros_like(x)
    if abs(by) < len(x):
        y[max(by, 0) : len(x) + min(by, 0)] = x[max(-by, 0) : len(x) - max(by, 0)]
    return y


def convolve(
    tensors: Mapping[str, npt.NDArray[np.float32]], name: str, x: Wide, offsets: tuple[int, ...]
) -> Wide:
    total = bias(tensors, name)
    for tap, offset in enumerate(offsets):
        total = total + dense(tensors, name, shifted(x, offset), tap)
    return total


def encode(
    config: Config, tensors: Mapping[str, npt.NDArray[np.float32]], codes: npt.NDArray[np.int16]
) -> Wide:
    x = convolve(tensors, "ae_startconv", codes[:, None] / 128.0, (1, 0, -1))
    for i, d in enumerate(config.ae_dilations, 1):
        h = convolve(tensors, f"ae_dilatedconv_{i}", np.maximum(x, 0), (d, 0, -d))
        x = x + dense(tensors, f"ae_res_{i}", np.maximum(h, 0)) + bias(tensors, f"ae_res_{i}")
    x = dense(tensors, "ae_bottleneck", x) + bias(tensors, "ae_bottleneck")
    return x.reshape(-1, config.ae_hop_length, config.ae_bottleneck).mean(1)


def logits(
    config: Config,
    tensors: Mapping[str, npt.NDArray[np.float32]],
    codes: npt.NDArray[np.int16],
    encoding: npt.NDArray[np.float32],
) -> Wide:
    """Logits [T, 256] of samples whose predecessors are known."""
    width = config.width
    held = np.repeat(encoding.astype(np.float64), config.ae_hop_length, 0)[: len(codes)]
    x = convolve(tensors, "startconv", shifted(codes[:, None] / 128.0, 1), (2, 1, 0))
    skip = dense(tensors, "skip_start", x) + bias(tensors, "skip_start")
    for i, d in enumerate(config.dilations, 1):
        z = convolve(tensors, f"dilatedconv_{i}", x, (2 * d, d, 0))
        z = z + dense(tensors, f"cond_map_{i}", held) + bias(tensors, f"cond_map_{i}")
        gated = np.tanh(z[:, width:]) / (1 + np.exp(-z[:, :width]))
        x = x + dense(tensors, f"res_{i}", gated) + bias(tensors, f"res_{i}")
        skip = skip + dense(tensors, f"skip_{i}", gated) + bias(tensors, f"skip_{i}")
    out = dense(tensors, "out1", np.maximum(skip, 0)) + bias(tensors, "out1")
    out = out + dense(tensors, "cond_map_out1", held) + bias(tensors, "cond_map_out1")
    return dense(tensors, "logits", np.maximum(out, 0)) + bias(tensors, "logits")


def pick(row: Wide, uniform: float, temperature: float) -> tuple[int, float]:
    """The code a draw picks, and how far the draw lies from the border of its bin."""
    share = np.exp((row - row.max()) / temperature)
    reached = np.cumsum(share / share.sum())
    return (
        min(int(np.searchsorted(reached, uniform)), 255) - 128,
        float(np.abs(reached - uniform).min()),
    )
