"""A checkpoint of the published size, written by magenta's own training graph."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow.compat.v1 as tf
from magenta.models.nsynth.wavenet.h512_bo16 import Config

AVERAGE = "/ExponentialMovingAverage"
STEP = 200_000


@dataclass(frozen=True)
class Published:
    """Where a checkpoint is, and the SHA-256 of each of its tensors."""

    prefix: Path
    digests: dict[str, str]


def digest(values: npt.NDArray[np.generic]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def write_published(folder: Path, seed: int) -> Published:
    """Save random weights, their averages and a step, by the names of the published training."""
    generator = np.random.default_rng(seed)
    with tf.Graph().as_default(), tf.Session() as session:
        Config().build({"wav": tf.placeholder(tf.float32, [1, 512])}, is_training=True)
        shapes = {v.op.name: v.shape for v in tf.trainable_variables()}
        for name, shape in shapes.items():
            tf.get_variable(f"{name}{AVERAGE}", shape, initializer=tf.zeros_initializer())
        tf.get_variable("global_step", [], tf.int32, tf.constant_initializer(STEP))
        variables = tf.global_variables()
        values = {v.op.name: _random(v.op.name, v.shape.as_list(), generator) for v in variables}
        session.run(
            [variable.initializer for variable in variables],
            {v.initializer.inputs[1]: values[v.op.name] for v in variables},
        )
        prefix = tf.train.Saver().save(session, str(folder / "model.ckpt"), global_step=STEP)
    return Published(Path(prefix), {name: digest(value) for name, value in values.items()})


def _random(
    name: str, shape: list[int], generator: np.random.Generator
) -> npt.NDArray[np.float32] | npt.NDArray[np.int32]:
    if not shape:
        return np.array(STEP, np.int32)
    if len(shape) == 1:
        # Zero biases, which training begins with, would hide a bias that is not applied.
        return generator.normal(0, 0.1, shape).astype(np.float32)
    limit = np.sqrt(3 / (shape[1] * shape[2]))
    # Logits as large as those of random weights would leave little to the draws.
    damped = 0.1 if name.startswith("logits/") else 1.0
    return (damped * limit * (2 * generator.random(shape, np.float32) - 1)).astype(np.float32)
