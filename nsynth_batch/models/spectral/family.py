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
from nsynth_batch.models.segments import Segment
from nsynth_batch.models.spectral import published_config as published
from nsynth_batch.models.spectral.config import SPECTRAL_CONFIGS, SpectralConfig, tensor_shapes
from nsynth_batch.models.spectral.cost import cost, published_cost, published_kept
from nsynth_batch.models.spectral.engine import SpectralEngine
from nsynth_batch.models.spectral.model import SpectralModel
from nsynth_batch.models.spectral.published_config import PublishedConfig
from nsynth_batch.models.spectral.published_spectrogram import picture, pitch
from nsynth_batch.models.spectral.shape import AnyConfig
from nsynth_batch.models.spectral.spectrogram import features
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import EngineName, Precision

_CROP_FRAMES = 32


class Spectral:
    """The family `spectral`: codes of spectrogram frames, or of four seconds at once."""

    name = "spectral"
    presets: Mapping[str, AnyConfig] = {
        **SPECTRAL_CONFIGS,
        "published": PublishedConfig(),
    }
    order: Order = "crops"
    recipes: Mapping[str, Recipe] = {"published": Recipe()}

    def config_from(self, values: Mapping[str, Any]) -> AnyConfig:
        """Return the configuration of a checkpoint's metadata."""
        if values.get("shape") == published.SHAPE:
            return PublishedConfig.from_dict(values)
        return SpectralConfig.from_dict(values)

    def tensor_shapes(self, config: AnyConfig) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor."""
        if isinstance(config, PublishedConfig):
            return published.tensor_shapes(config)
        return tensor_shapes(config)

    def initial(self, config: AnyConfig, seed: int) -> Weights[AnyConfig]:
        """Return the weights that a training begins with.

        Of frames normal, 1 / fan_in; of the published shape as magenta's begin: even, within
        ±sqrt(6 / (fan_in + fan_out)), and normal embeddings. Biases are 0.
        """
        if isinstance(config, PublishedConfig):
            found = initial_tensors(config, seed)
            return Weights(config, found, {"weights": f"random, seed {seed}"}, self.name)
        tensors: dict[str, Array] = {}
        for name, shape in tensor_shapes(config).items():
            if name.endswith("/biases"):
                tensors[name] = np.zeros(shape, np.float32)
                continue
            deviation = 1 / np.sqrt(shape[0] * shape[1])
            drawn = generator(seed, name).normal(0, deviation, shape)
            tensors[name] = drawn.astype(np.float32)
        return Weights(config, tensors, {"weights": f"random, seed {seed}"}, self.name)

    def crop_samples(self, config: AnyConfig) -> int:
        """Return 32 frames, about a second; of the published shape the four that a code is of."""
        return config.hop if isinstance(config, PublishedConfig) else _CROP_FRAMES * config.hop

    def loss_name(self, config: AnyConfig) -> LossName:
        """Return the squared error."""
        return "squared_error"

    def quantiser(self, config: AnyConfig) -> Quantiser:
        """Return samples of 16 bits."""
        return PCM

    def given_samples(self, config: AnyConfig) -> int:
        """Return 0: each frame is learned by itself."""
        return 0

    def auxiliary(self, config: AnyConfig, recipe: Recipe, seed: int) -> Mapping[str, Array]:
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
        self, config: AnyConfig, crops: Array, recipe: Recipe, draw: np.random.Generator
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return cube roots of magnitudes [B, F, frame]; or spectrograms, and each one's pitch."""
        if isinstance(config, PublishedConfig):
            return published_batch(config, crops)
        return {"features": np.stack([features(config, crop) for crop in crops])}

    def loss(
        self, config: AnyConfig, tensors: Tensors, batch: Batch, state: Any, phase: Phase
    ) -> Loss:
        """Return the weighted squared error of the frames that come out."""
        if isinstance(config, PublishedConfig):
            from nsynth_batch.models.spectral.published_graph import error as published_error

            return published_error(config, tensors, batch["pictures"], batch["pitches"])
        from nsynth_batch.models.spectral.graph import error

        return error(config, tensors, batch["features"])

    def whole_batch(self, config: AnyConfig) -> bool:
        """Return whether norms are of the whole batch: those of the published shape."""
        return isinstance(config, PublishedConfig)

    def kept_numbers(self, config: AnyConfig) -> int:
        """Return how many numbers of a crop are kept for the gradient, of the published shape."""
        return published_kept(config) if isinstance(config, PublishedConfig) else 0

    def segments(self, config: AnyConfig) -> tuple[Segment, ...]:
        """Return what the loss does from norm to norm, of the published shape."""
        from nsynth_batch.models.spectral.published_graph import segments

        return segments(config) if isinstance(config, PublishedConfig) else ()

    def cost(self, config: AnyConfig) -> Cost:
        """Return multiply-adds and bytes a sample."""
        return published_cost(config) if isinstance(config, PublishedConfig) else cost(config)

    def engines(self, config: AnyConfig) -> tuple[EngineName, ...]:
        """Return the engines that run it; the published shape is TensorFlow's alone."""
        return ("tensorflow",) if self.whole_batch(config) else ("native", "tensorflow")

    def default_precision(self, engine: EngineName, instruction_set: str | None) -> Precision:
        """Return float32, the only one."""
        return "float32"

    def make_engine(
        self, name: EngineName, weights: Weights[AnyConfig], options: Mapping[str, Any]
    ) -> SpectralEngine:
        """Make the engine of a name."""
        if name == "native":
            return SpectralEngine(weights, **options)
        from nsynth_batch.models.spectral.tensorflow_engine import tensorflow_engine

        return tensorflow_engine(weights, **options)

    def model(self, weights: Weights[AnyConfig], engine: Engine) -> SpectralModel:
        """Return a model that encodes and decodes."""
        return SpectralModel(weights, cast(SpectralEngine, engine))


def initial_tensors(config: PublishedConfig, seed: int) -> dict[str, Array]:
    """Return the tensors of the published shape that a training begins with."""
    tensors: dict[str, Array] = {}
    for name, shape in published.tensor_shapes(config).items():
        draw = generator(seed, name)
        if name == published.EMBEDDING:
            values = draw.normal(0, 1, shape)
        elif name.endswith("/weights"):
            limit = np.sqrt(6 / (shape[0] * shape[1] * (shape[2] + shape[3])))
            values = draw.uniform(-limit, limit, shape)
        else:
            values = np.full(shape, float(name.endswith("/moving_variance")))
        tensors[name] = values.astype(np.float32)
    return tensors


def published_batch(config: PublishedConfig, crops: Array) -> dict[str, npt.NDArray[np.float32]]:
    """Return spectrograms, float32 [B, 512, 256, 1], and pitches, float32 [B].

    Raises
    ------
    ValueError
        If crops are not as long as a code is of.
    """
    if crops.shape[1] != config.hop:
        raise ValueError(
            f"the published shape learns crops of {config.hop} samples, not of {crops.shape[1]}"
        )
    pictures = np.stack([picture(config, crop) for crop in crops])
    heights = [pitch(config, crop) for crop in crops] if config.pitches else [0] * len(crops)
    return {"pictures": pictures[..., None], "pitches": np.asarray(heights, np.float32)}


FAMILY = Spectral()
