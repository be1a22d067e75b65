"""Gated recurrent units over frames as a family: it learns streams, and generates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.draws import generator
from nsynth_batch.models.engine import Engine
from nsynth_batch.models.family import Batch, Cost, Loss, LossName, Order, Tensors
from nsynth_batch.models.frame_gru.config import (
    FRAME_CONFIGS,
    FrameConfig,
    products,
    tensor_shapes,
)
from nsynth_batch.models.frame_gru.engine import FrameEngine
from nsynth_batch.models.frame_gru.model import FrameModel
from nsynth_batch.models.quantiser import PCM, Quantiser
from nsynth_batch.models.recipe import COPIES, Phase, Recipe
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import EngineName, Precision


class Frames:
    """The family `frames`."""

    name = "frames"
    presets: Mapping[str, FrameConfig] = FRAME_CONFIGS
    order: Order = "streams"
    recipes: Mapping[str, Recipe] = {"published": Recipe(), "copies": COPIES}

    def config_from(self, values: Mapping[str, Any]) -> FrameConfig:
        """Return the configuration of a checkpoint's metadata."""
        return FrameConfig.from_dict(values)

    def tensor_shapes(self, config: FrameConfig) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor."""
        return tensor_shapes(config)

    def initial(self, config: FrameConfig, seed: int) -> Weights[FrameConfig]:
        """Return the weights that a training begins with: uniform in ±1 / sqrt(inputs)."""
        tensors: dict[str, Array] = {}
        for name, shape in tensor_shapes(config).items():
            if name.endswith("/W"):
                limit = shape[0] ** -0.5
                drawn = generator(seed, name).uniform(-limit, limit, shape)
                tensors[name] = drawn.astype(np.float32)
            else:
                tensors[name] = np.zeros(shape, np.float32)
        return Weights(config, tensors, {"weights": f"random, seed {seed}"}, self.name)

    def loss_name(self, config: FrameConfig) -> LossName:
        """Return the squared error of a mean, or the negative log-likelihood of a density."""
        return "density_nll" if config.varies else "squared_error"

    def quantiser(self, config: FrameConfig) -> Quantiser:
        """Return samples of 16 bits, which clips are kept in: there are no codes."""
        return PCM

    def crop_samples(self, config: FrameConfig) -> int:
        """Return the length of a sequence with the frame that its last one predicts."""
        return config.sequence_samples + config.frame

    def given_samples(self, config: FrameConfig) -> int:
        """Return a frame, which predicts the next."""
        return config.frame

    def auxiliary(self, config: FrameConfig, recipe: Recipe, seed: int) -> Mapping[str, Array]:
        """Return nothing: there is no encoder to help.

        Raises
        ------
        ValueError
            If the recipe asks for it.
        """
        if recipe.spectral_weight or recipe.encoder_steps:
            raise ValueError("the family frames has no encoder, and the recipe trains one")
        return {}

    def state(self, config: FrameConfig, streams: int) -> Mapping[str, Array]:
        """Return what streams begin with: a silent state of each unit."""
        return {
            f"gru_{i}": np.zeros((streams, config.hidden), np.float32)
            for i in range(1, config.layers + 1)
        }

    def batch(
        self, config: FrameConfig, crops: Array, recipe: Recipe, draw: np.random.Generator
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return frames, float32 [B, S + 1, F], in units of the corpus's deviation.

        Raises
        ------
        ValueError
            If a crop is of less than two frames, or the recipe asks for noise on codes.
        """
        if recipe.corruption:
            raise ValueError("the family frames has no codes, and the recipe puts noise on them")
        if crops.shape[1] < 2 * config.frame:
            raise ValueError(
                f"crops of {crops.shape[1]} samples leave nothing to learn: a frame of "
                f"{config.frame} predicts the next"
            )
        frames = crops.reshape(len(crops), -1, config.frame)
        return {"frames": np.asarray(frames * np.float32(config.gain), np.float32)}

    def loss(
        self, config: FrameConfig, tensors: Tensors, batch: Batch, state: Any, phase: Phase
    ) -> Loss:
        """Return squared errors, or nats as a density, of the frame after each."""
        import tensorflow as tf

        from nsynth_batch.models.frame_gru.graph import loss

        if state is None or config.past == "window":
            silent = self.state(config, batch["frames"].shape[0])
            state = {name: tf.constant(value) for name, value in silent.items()}
        return loss(config, tensors, batch, state)

    def cost(self, config: FrameConfig) -> Cost:
        """Return multiply-adds a sample; a window is gone through for each frame."""
        times = config.sequence if config.past == "window" else 1
        return Cost(
            encode=0,
            generate=max(1, times * products(config) // config.frame),
            every=dict.fromkeys(tensor_shapes(config), config.frame),
        )

    def engines(self, config: FrameConfig) -> tuple[EngineName, ...]:
        """Return the engine that runs it."""
        return ("native",)

    def default_precision(self, engine: EngineName, instruction_set: str | None) -> Precision:
        """Return float32: it has no other."""
        return "float32"

    def make_engine(
        self, name: EngineName, weights: Weights[FrameConfig], options: Mapping[str, Any]
    ) -> FrameEngine:
        """Make the engine."""
        return FrameEngine(weights, **options)

    def model(self, weights: Weights[FrameConfig], engine: Engine) -> FrameModel:
        """Return a model that generates."""
        return FrameModel(weights, cast(FrameEngine, engine))


FAMILY = Frames()
"""Gated recurrent units over frames, ready to use."""
