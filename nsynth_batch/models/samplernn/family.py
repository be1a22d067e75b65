"""A SampleRNN as a family: it learns streams, and generates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.engine import Engine
from nsynth_batch.models.family import Batch, Cost, Loss, LossName, Order, Tensors
from nsynth_batch.models.precision import native_precision
from nsynth_batch.models.quantiser import Quantiser, quantiser_named
from nsynth_batch.models.recipe import COPIES, Phase, Recipe
from nsynth_batch.models.samplernn.config import (
    SAMPLE_CONFIGS,
    SampleConfig,
    products,
    tensor_shapes,
)
from nsynth_batch.models.samplernn.engine import SampleEngine
from nsynth_batch.models.samplernn.initial import initial_tensors
from nsynth_batch.models.samplernn.model import SampleModel
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import EngineName, Precision

LOSSES: Mapping[Precision, float] = {
    "float32": 0.0,
    "bfloat16": 0.0002,
    "int16": 0.0001,
    "int8": 0.0003,
}
"""Nats a sample that a precision loses against float32, at worst: on AVX2, of `small` trained for
250 steps, on six recordings (docs/samplernn.md)."""


class SampleRNN:
    """The family `samplernn`."""

    name = "samplernn"
    presets: Mapping[str, SampleConfig] = SAMPLE_CONFIGS
    order: Order = "streams"
    recipes: Mapping[str, Recipe] = {"published": Recipe(), "copies": COPIES}

    def config_from(self, values: Mapping[str, Any]) -> SampleConfig:
        """Return the configuration of a checkpoint's metadata."""
        return SampleConfig.from_dict(values)

    def tensor_shapes(self, config: SampleConfig) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor."""
        return tensor_shapes(config)

    def initial(self, config: SampleConfig, seed: int) -> Weights[SampleConfig]:
        """Return the weights that a training begins with."""
        made = {"weights": f"random, seed {seed}"}
        return Weights(config, initial_tensors(config, seed), made, self.name)

    def loss_name(self, config: SampleConfig) -> LossName:
        """Return the negative log-likelihood of codes."""
        return "nll"

    def quantiser(self, config: SampleConfig) -> Quantiser:
        """Return how audio becomes the codes that the model predicts."""
        return quantiser_named(config.quantiser, config.gain)

    def crop_samples(self, config: SampleConfig) -> int:
        """Return the length of a sequence with the longest frame before it."""
        return config.sequence + config.hop

    def given_samples(self, config: SampleConfig) -> int:
        """Return the longest frame, which comes before what is learned."""
        return config.hop

    def auxiliary(self, config: SampleConfig, recipe: Recipe, seed: int) -> Mapping[str, Array]:
        """Return nothing: there is no encoder to help.

        Raises
        ------
        ValueError
            If the recipe asks for it.
        """
        if recipe.spectral_weight or recipe.encoder_steps:
            raise ValueError("the family samplernn has no encoder, and the recipe trains one")
        return {}

    def state(self, config: SampleConfig, streams: int) -> Mapping[str, Array]:
        """Return what streams begin with: nothing carried, so that the learned states stand in."""
        shape = (streams, config.layers, config.hidden)
        tiers = range(1, len(config.frames) + 1)
        found = {f"tier_{tier}": np.zeros(shape, np.float32) for tier in tiers}
        return {"carried": np.zeros(streams, np.float32), **found}

    def batch(
        self, config: SampleConfig, crops: Array, recipe: Recipe, draw: np.random.Generator
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return codes, float32 [B, hop + S].

        Raises
        ------
        ValueError
            If a crop is not longer than the longest frame, which comes before what is learned, or
            the recipe asks for noise on codes.
        """
        if recipe.corruption:
            raise ValueError(
                "the family samplernn looks codes up in a table, and the recipe puts noise on them"
            )
        if crops.shape[1] <= config.hop:
            raise ValueError(
                f"crops of {crops.shape[1]} samples leave nothing to learn: the longest frame, of "
                f"{config.hop}, comes before"
            )
        return {"codes": self.quantiser(config).encode(crops).astype(np.float32)}

    def loss(
        self, config: SampleConfig, tensors: Tensors, batch: Batch, state: Any, phase: Phase
    ) -> Loss:
        """Return the teacher-forced negative log-likelihood, in nats."""
        import tensorflow as tf

        from nsynth_batch.models.samplernn.graph import loss

        if state is None:
            begun = self.state(config, batch["codes"].shape[0])
            state = {name: tf.constant(value) for name, value in begun.items()}
        # It holds no condition on a tensor, and to look for one takes as long as the graph.
        plain = tf.autograph.experimental.do_not_convert(loss)
        found: Loss = plain(config, tensors, batch, state)
        return found

    def cost(self, config: SampleConfig) -> Cost:
        """Return multiply-adds a sample."""
        every = {
            name: frame
            for tier, frame in enumerate(config.frames, 1)
            for name in tensor_shapes(config)
            if name.startswith(f"tier_{tier}/")
        }
        return Cost(encode=0, generate=products(config), every=every)

    def engines(self, config: SampleConfig) -> tuple[EngineName, ...]:
        """Return the engine that runs it."""
        return ("native",)

    def default_precision(self, engine: EngineName, instruction_set: str | None) -> Precision:
        """Return the fastest precision that loses little."""
        return native_precision(instruction_set, LOSSES)

    def make_engine(
        self, name: EngineName, weights: Weights[SampleConfig], options: Mapping[str, Any]
    ) -> SampleEngine:
        """Make the engine."""
        return SampleEngine(weights, **options)

    def model(self, weights: Weights[SampleConfig], engine: Engine) -> SampleModel:
        """Return a model that generates."""
        return SampleModel(weights, cast(SampleEngine, engine))


FAMILY = SampleRNN()
"""Tiers of recurrent units over frames and samples, ready to use."""
