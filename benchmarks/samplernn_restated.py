"""The way samplernn-pytorch generates, restated in TensorFlow: what `benchmarks.samplernn` beats.

Its loop goes sample by sample in Python. A tier runs where its frame begins; the network over
samples embeds its last samples and convolves them anew each time; all clips go side by side. What
is compiled here are a tier's step and a sample's, as PyTorch's calls are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from nsynth_batch.models.samplernn.config import QUANTA, SampleConfig
from nsynth_batch.models.samplernn.engine import native_tensors
from nsynth_batch.models.samplernn.family import FAMILY

Tensor = Any


class Restated:
    """A network with random weights that generates as samplernn-pytorch does.

    Parameters
    ----------
    config : SampleConfig
        Sizes, without skip connections.
    """

    def __init__(self, config: SampleConfig) -> None:
        self.config = config
        tensors = native_tensors(FAMILY.initial(config, 0))
        self._tensors = {name: tf.constant(value) for name, value in tensors.items()}
        self._tiers = [tf.function(self._tier_of(tier)) for tier in range(len(config.frames))]
        self._sample = tf.function(self._draw)

    def generate(self, clips: int, samples: int) -> np.ndarray[Any, Any]:
        """Return codes of clips, int64 [B, T], from 0 to 255."""
        config = self.config
        known = np.full((clips, config.hop + samples), QUANTA // 2)
        states = [
            [tf.repeat(self._tensors[f"tier_{tier + 1}/begin"][i : i + 1], clips, 0)
             for i in range(config.layers)]
            for tier in range(len(config.frames))
        ]  # fmt: skip
        conditions: list[Tensor] = [None] * len(config.frames)
        for at in range(config.hop, config.hop + samples):
            for tier, frame in enumerate(config.frames):
                if at % frame:
                    continue
                above = None
                if tier:
                    place = at // frame % config.ratio(tier - 1)
                    above = conditions[tier - 1][:, place]
                codes = tf.constant(known[:, at - frame : at], tf.float32)
                step: Callable[..., Any] = self._tiers[tier]
                conditions[tier], states[tier] = step(codes, states[tier], above)
            last = tf.constant(known[:, at - config.lookback : at])
            known[:, at] = self._sample(last, conditions[-1][:, at % config.lookback]).numpy()
        return known[:, config.hop :]

    def _tier_of(self, tier: int) -> Callable[..., tuple[Tensor, list[Tensor]]]:
        name, config, tensors = f"tier_{tier + 1}", self.config, self._tensors

        def step(codes: Tensor, states: list[Tensor], above: Tensor) -> tuple[Tensor, list[Tensor]]:
            x = (codes / (QUANTA / 4) - 2) @ tensors[f"{name}/input/W"]
            x += tensors[f"{name}/input/biases"]
            if above is not None:
                x += above
            after = []
            for i, state in enumerate(states, 1):
                unit = f"{name}/gru_{i}"
                part = x @ tensors[f"{unit}/input/W"] + tensors[f"{unit}/input/biases"]
                update, reset, new = tf.split(part, 3, 1)
                gates = tf.split(state @ tensors[f"{unit}/gates/W"], 2, 1)
                update, reset = tf.sigmoid(update + gates[0]), tf.sigmoid(reset + gates[1])
                candidate = tf.tanh(new + reset * (state @ tensors[f"{unit}/candidate/W"]))
                x = state + update * (candidate - state)
                after.append(x)
            out = x @ tensors[f"{name}/up/W"] + tensors[f"{name}/up/biases"]
            return tf.reshape(out, [-1, config.ratio(tier), config.hidden]), after

        return step

    def _draw(self, last: Tensor, condition: Tensor) -> Tensor:
        tensors = self._tensors
        embedded = tf.gather(tensors["embedding"], last)
        x = tf.tensordot(embedded, tensors["samples/W"], [[1, 2], [0, 1]]) + condition
        x = tf.nn.relu(x) @ tensors["hidden/W"] + tensors["hidden/biases"]
        logits = tf.nn.relu(x) @ tensors["logits/W"] + tensors["logits/biases"]
        return tf.random.categorical(logits, 1)[:, 0]
