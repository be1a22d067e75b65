"""A WaveNet without conditioning as a family: it learns recordings, and generates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.engine import Engine
from nsynth_batch.models.family import Batch, Cost, Loss, LossName, Order, Tensors
from nsynth_batch.models.quantiser import HIGHEST, LOWEST, Quantiser, quantiser_named
from nsynth_batch.models.recipe import Corruption, Phase, Recipe, corrupted
from nsynth_batch.models.wavenet.initial import random_tensors
from nsynth_batch.models.wavenet.plain_config import (
    PLAIN_CONFIGS,
    PlainConfig,
    plain_convolutions,
    plain_tensor_shapes,
)
from nsynth_batch.models.wavenet.plain_engine import PlainEngine
from nsynth_batch.models.wavenet.plain_model import PlainModel
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import EngineName, Precision

_TARGETS = 6144
"""Samples of a crop that are learned, beside those that fill the receptive field."""


class PlainWaveNet:
    """The family `wavenet`: NSynth's decoder without conditioning."""

    name = "wavenet"
    presets: Mapping[str, PlainConfig] = PLAIN_CONFIGS
    order: Order = "crops"
    recipes: Mapping[str, Recipe] = {
        "published": Recipe(),
        "free-running": Recipe(Corruption()),
    }

    def config_from(self, values: Mapping[str, Any]) -> PlainConfig:
        """Return the configuration of a checkpoint's metadata."""
        return PlainConfig.from_dict(values)

    def tensor_shapes(self, config: PlainConfig) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor; the names are those of NSynth's decoder."""
        return plain_tensor_shapes(config)

    def initial(self, config: PlainConfig, seed: int) -> Weights[PlainConfig]:
        """Return the weights that a training begins with: uniform in ±sqrt(3 / fan_in)."""
        tensors = random_tensors(plain_tensor_shapes(config), seed)
        return Weights(config, tensors, {"weights": f"random, seed {seed}"}, self.name)

    def loss_name(self, config: PlainConfig) -> LossName:
        """Return the negative log-likelihood of codes."""
        return "nll"

    def quantiser(self, config: PlainConfig) -> Quantiser:
        """Return the one that the model's metadata names."""
        return quantiser_named(config.quantiser, config.gain)

    def crop_samples(self, config: PlainConfig) -> int:
        """Return the length of a crop where none is asked for: past, then targets."""
        return config.receptive_field + _TARGETS

    def given_samples(self, config: PlainConfig) -> int:
        """Return the receptive field, which has to be full."""
        return config.receptive_field

    def auxiliary(self, config: PlainConfig, recipe: Recipe, seed: int) -> Mapping[str, Array]:
        """Return nothing: there is no encoder to help.

        Raises
        ------
        ValueError
            If the recipe asks for it.
        """
        if recipe.spectral_weight or recipe.encoder_steps:
            raise ValueError("the family wavenet has no encoder, and the recipe trains one")
        return {}

    def batch(
        self, config: PlainConfig, crops: Array, recipe: Recipe, draw: np.random.Generator
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return codes, float32 [B, T], and inputs with noise where the recipe asks for them.

        Raises
        ------
        ValueError
            If a crop is not longer than the receptive field: nothing of it could be learned.
        """
        if crops.shape[1] <= config.receptive_field:
            raise ValueError(
                f"crops of {crops.shape[1]} samples leave nothing to learn: the receptive field "
                f"alone takes {config.receptive_field}"
            )
        codes = self.quantiser(config).encode(crops).astype(np.float32)
        if not recipe.corruption:
            return {"codes": codes}
        noisy = corrupted(codes, recipe.corruption, draw, LOWEST, HIGHEST)
        return {"codes": codes, "inputs": noisy}

    def loss(
        self, config: PlainConfig, tensors: Tensors, batch: Batch, state: Any, phase: Phase
    ) -> Loss:
        """Return the teacher-forced negative log-likelihood, in nats."""
        from nsynth_batch.models.wavenet.loss import plain_nll

        return plain_nll(config, tensors, batch)

    def cost(self, config: PlainConfig) -> Cost:
        """Return multiply-adds a sample."""
        layers = list(plain_convolutions(config))
        after = ("skip_", "out1", "logits")
        return Cost(
            encode=0,
            generate=sum(taps * i * o for _, taps, i, o in layers),
            targets=frozenset(f"{name}/W" for name, *_ in layers if name.startswith(after)),
        )

    def engines(self, config: PlainConfig) -> tuple[EngineName, ...]:
        """Return the engine that runs it."""
        return ("native",)

    def default_precision(self, engine: EngineName, instruction_set: str | None) -> Precision:
        """Return float32: what other precisions lose was measured for NSynth's models alone."""
        return "float32"

    def make_engine(
        self, name: EngineName, weights: Weights[PlainConfig], options: Mapping[str, Any]
    ) -> PlainEngine:
        """Make the engine."""
        return PlainEngine(weights, **options)

    def model(self, weights: Weights[PlainConfig], engine: Engine) -> PlainModel:
        """Return a model that generates."""
        return PlainModel(weights, cast(PlainEngine, engine))


FAMILY = PlainWaveNet()
