"""NSynth's autoencoder as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.engine import Engine, Predictor
from nsynth_batch.models.family import Batch, Cost, Loss, LossName, Order, Tensors
from nsynth_batch.models.precision import native_precision
from nsynth_batch.models.quantiser import HIGHEST, LOWEST, MU_LAW_NSYNTH, Quantiser
from nsynth_batch.models.recipe import FREE_RUNNING, Phase, Recipe, corrupted
from nsynth_batch.models.wavenet import auxiliary, postfilter
from nsynth_batch.models.wavenet.config import CONFIGS, Config, tensor_shapes
from nsynth_batch.models.wavenet.cost import products
from nsynth_batch.models.wavenet.initial import random_tensors
from nsynth_batch.models.wavenet.model import Model
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import EngineName, Precision

_FLOAT_BYTES = 4


class NSynth:
    """The family `nsynth`: an encoder, and a WaveNet that decodes."""

    name = "nsynth"
    presets: Mapping[str, Config] = CONFIGS
    order: Order = "crops"
    recipes: Mapping[str, Recipe] = {"free-running": FREE_RUNNING, "published": Recipe()}

    def config_from(self, values: Mapping[str, Any]) -> Config:
        """Return the configuration of a checkpoint's metadata."""
        return Config.from_dict(values)

    def tensor_shapes(self, config: Config) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor by its name in magenta's checkpoints."""
        return tensor_shapes(config)

    def initial(self, config: Config, seed: int) -> Weights[Config]:
        """Return the weights that a training begins with.

        Raises
        ------
        ValueError
            If they were to have a postfilter.
        """
        if config.postfilter:
            raise ValueError(
                "postfilter is no size to train with: the recipe free-running fits one at the end"
            )
        return random_weights(config, seed)

    def crop_samples(self, config: Config) -> int:
        """Return the hops nearest to the receptive field: 6,144 samples for the published model.

        It was taught so; `small` has 2,048.
        """
        return max(1, round(config.receptive_field / config.hop)) * config.hop

    def loss_name(self, config: Config) -> LossName:
        """Return the negative log-likelihood of codes."""
        return "nll"

    def quantiser(self, config: Config) -> Quantiser:
        """Return the published model's mu-law."""
        return MU_LAW_NSYNTH

    def given_samples(self, config: Config) -> int:
        """Return 0: a crop begins after silence."""
        return 0

    def auxiliary(self, config: Config, recipe: Recipe, seed: int) -> Mapping[str, Array]:
        """Return the weights of the head that reads spectra from encodings."""
        wanted = recipe.spectral_weight or recipe.encoder_steps
        return auxiliary.initial_head(config, seed) if wanted else {}

    def batch(
        self, config: Config, crops: Array, recipe: Recipe, draw: np.random.Generator
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return mu-law codes, float32 [B, T], and what the recipe asks for beside them."""
        codes = MU_LAW_NSYNTH.encode(crops).astype(np.float32)
        batch = {"codes": codes}
        if recipe.corruption:
            batch["inputs"] = corrupted(codes, recipe.corruption, draw, LOWEST, HIGHEST)
        if recipe.spectral_weight or recipe.encoder_steps:
            batch["spectra"] = auxiliary.spectra(config, crops)
        return batch

    def loss(
        self, config: Config, tensors: Tensors, batch: Batch, state: Any, phase: Phase
    ) -> Loss:
        """Return the teacher-forced negative log-likelihood, in nats."""
        from nsynth_batch.models.wavenet.loss import nll

        return nll(config, tensors, batch, phase)

    def cost(self, config: Config) -> Cost:
        """Return multiply-adds and bytes a sample."""
        return Cost(
            encode=products(config, encoder=True),
            generate=products(config, encoder=False),
            encoding_bytes=_FLOAT_BYTES * config.ae_bottleneck / config.ae_hop_length,
        )

    def engines(self, config: Config) -> tuple[EngineName, ...]:
        """Return the engines that run it."""
        return "native", "tensorflow", "magenta"

    def default_precision(self, engine: EngineName, instruction_set: str | None) -> Precision:
        """Return the fastest precision of the native engine that loses little, else float32."""
        return native_precision(instruction_set) if engine == "native" else "float32"

    def make_engine(
        self, name: EngineName, weights: Weights[Config], options: Mapping[str, Any]
    ) -> Predictor:
        """Make the engine of a name."""
        if name == "native":
            from nsynth_batch.models.wavenet.native_engine import NativeEngine

            return NativeEngine(weights, **options)
        if name == "tensorflow":
            from nsynth_batch.models.wavenet.tensorflow_engine import TensorflowEngine

            return TensorflowEngine(weights, **options)
        from nsynth_batch.models.wavenet.magenta_engine import MagentaEngine

        return MagentaEngine(weights, **options)

    def model(self, weights: Weights[Config], engine: Engine) -> Model:
        """Return a model that encodes and decodes."""
        return Model(weights, cast(Predictor, engine))

    def unfitted(self, weights: Weights[Config]) -> Weights[Config]:
        """Return a model without its postfilter."""
        config = replace(weights.config, postfilter=0)
        kept = {name: weights.tensors[name] for name in tensor_shapes(config)}
        return replace(weights, config=config, tensors=kept)

    def fitted(
        self, weights: Weights[Config], encodings: Sequence[Array], sounds: Sequence[Array]
    ) -> Weights[Config]:
        """Return a model with a postfilter that is fitted to some sounds."""
        tensors = postfilter.fitted(encodings, sounds, weights.config.hop)
        config = replace(weights.config, postfilter=postfilter.HIDDEN)
        return replace(weights, config=config, tensors={**weights.tensors, **tensors})


FAMILY = NSynth()


def random_weights(config: Config, seed: int) -> Weights[Config]:
    """Draw initial weights: uniform in ±sqrt(3 / fan_in), biases 0, as the published model began.

    Parameters
    ----------
    config : Config
    seed : int
        The same seed gives the same weights.
    """
    tensors = random_tensors(tensor_shapes(config), seed)
    return Weights(config, tensors, {"weights": f"random, seed {seed}"})
