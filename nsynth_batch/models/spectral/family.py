"""Spectral autoencoders as a family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.draws import generator
from nsynth_batch.models.engine import Engine
from nsynth_batch.models.family import Batch, Cost, Loss, LossName, Order, Tensors
from nsynth_batch.models.quantiser import PCM, Quantiser
from nsynth_batch.models.recipe import Phase, Recipe
from nsynth_batch.models.spectral.config import SPECTRAL_CONFIGS, SpectralConfig, tensor_shapes
from nsynth_batch.models.spectral.cost import cost
from nsynth_batch.models.spectral.engine import SpectralEngine
from nsynth_batch.models.spectral.model import SpectralModel
from nsynth_batch.models.spectral.spectrogram import features
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import EngineName, Precision

_CROP_FRAMES = 32


class Spectral:
    """The family `spectral`: codes of spectrogram frames."""

    name = "spectral"
    presets: Mapping[str, SpectralConfig] = SPECTRAL_CONFIGS
    order: Order = "crops"
    recipes: Mapping[str, Recipe] = {"published": Recipe()}

    def config_from(self, values: Mapping[str, Any]) -> SpectralConfig:
        """Return the configuration of a checkpoint's metadata."""
        return SpectralConfig.from_dict(values)

    def tensor_shapes(self, config: SpectralConfig) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor."""
        return tensor_shapes(config)

    def initial(self, config: SpectralConfig, seed: int) -> Weights[SpectralConfig]:
        """Return the weights that a training begins with: normal, 1 / fan_in; biases are 0."""
        tensors: dict[str, Array] = {}
        for name, shape in tensor_shapes(config).items():
            if name.endswith("/biases"):
                tensors[name] = np.zeros(shape, np.float32)
                continue
            deviation = 1 / np.sqrt(shape[0] * shape[1])
            drawn = generator(seed, name).normal(0, deviation, shape)
            tensors[name] = drawn.astype(np.float32)
        return Weights(config, tensors, {"weights": f"random, seed {seed}"}, self.name)

    def crop_samples(self, config: SpectralConfig) -> int:
        """Return 32 frames: about a second."""
        return _CROP_FRAMES * config.hop

    def loss_name(self, config: SpectralConfig) -> LossName:
        """Return the squared error."""
        return "squared_error"

    def quantiser(self, config: SpectralConfig) -> Quantiser:
        """Return samples of 16 bits."""
        return PCM

    def given_samples(self, config: SpectralConfig) -> int:
        """Return 0: each frame is learned by itself."""
        return 0

    def auxiliary(self, config: SpectralConfig, recipe: Recipe, seed: int) -> Mapping[str, Array]:
        """Return nothing: the loss is of spectra already.

        Raises
        ------
        ValueError
            If the recipe asks for it.
        """
        if recipe != Recipe():
            raise ValueError("the family spectral learns spectra themselves: no recipe helps it")
        return {}

    def batch(
        self, config: SpectralConfig, crops: Array, recipe: Recipe, draw: np.random.Generator
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return cube roots of magnitudes, float32 [B, F, frame]."""
        return {"features": np.stack([features(config, crop) for crop in crops])}

    def loss(
        self, config: SpectralConfig, tensors: Tensors, batch: Batch, state: Any, phase: Phase
    ) -> Loss:
        """Return the weighted squared error of the frames that come out."""
        from nsynth_batch.models.spectral.graph import error

        return error(config, tensors, batch["features"])

    def cost(self, config: SpectralConfig) -> Cost:
        """Return multiply-adds and bytes a sample."""
        return cost(config)

    def engines(self, config: SpectralConfig) -> tuple[EngineName, ...]:
        """Return the engines that run it."""
        return "native", "tensorflow"

    def default_precision(self, engine: EngineName, instruction_set: str | None) -> Precision:
        """Return float32, the only one."""
        return "float32"

    def make_engine(
        self, name: EngineName, weights: Weights[SpectralConfig], options: Mapping[str, Any]
    ) -> SpectralEngine:
        """Make the engine of a name."""
        if name == "native":
            return SpectralEngine(weights, **options)
        from nsynth_batch.models.spectral.tensorflow_engine import tensorflow_engine

        return tensorflow_engine(weights, **options)

    def model(self, weights: Weights[SpectralConfig], engine: Engine) -> SpectralModel:
        """Return a model that encodes and decodes."""
        return SpectralModel(weights, cast(SpectralEngine, engine))


FAMILY = Spectral()
