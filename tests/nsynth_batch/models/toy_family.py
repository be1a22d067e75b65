"""A made-up family, whole: each code is drawn by the one before it. One file, one registry line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.draws import generator
from nsynth_batch.models.engine import Codes, Engine, Needs, OnCodes, OnProgress, Request
from nsynth_batch.models.family import Batch, Cost, Loss, LossName, Order, Tensors
from nsynth_batch.models.model import LoadedModel
from nsynth_batch.models.quantiser import LOWEST, MU_LAW_NSYNTH, Quantiser
from nsynth_batch.models.recipe import Phase, Recipe
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import EngineName, Precision

LEVELS = 256


@dataclass(frozen=True)
class ToyConfig:
    """Sizes of a table of transitions."""

    sample_rate: int = 8000
    hop: int = 1

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class ToyEngine:
    """Draws code after code in numpy."""

    name = "tensorflow"
    precision: Precision = "float32"
    instruction_set = "portable"
    device = "CPU"
    resumes = True

    def __init__(self, weights: Weights[ToyConfig]) -> None:
        self.versions = {"numpy": np.__version__}
        self._table = weights.tensors["table"]

    def full_batch(self, samples: int) -> int:
        return 4

    def needs(self, lengths: Sequence[int], *, resumed: bool = False) -> Needs:
        return Needs(len(lengths), 2 * sum(lengths))

    def generate(
        self,
        requests: Sequence[Request],
        *,
        on_codes: OnCodes | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Codes]:
        made: list[Codes] = []
        for request in requests:
            made.append(self._clip(request))
            if on_codes:
                on_codes([*made, *(np.zeros(0, np.int16) for _ in requests[len(made) :])])
        return made

    def _clip(self, request: Request) -> Codes:
        prefix = np.zeros(0, np.int16) if request.prefix is None else request.prefix
        prompt = np.zeros(1, np.int16) if request.prompt is None else request.prompt
        codes = [*prompt, *prefix]
        heat = np.broadcast_to(np.asarray(request.temperature, np.float32), request.length)
        uniform = request.draws.uniform(0, request.length)
        for i in range(len(prefix), request.length):
            scaled = self._table[codes[-1] - LOWEST] / heat[i]
            sums = np.cumsum(np.exp(scaled - scaled.max()))
            codes.append(np.int16(np.searchsorted(sums / sums[-1], uniform[i]) + LOWEST))
        return np.array(codes[len(prompt) :], np.int16)


class ToyModel(LoadedModel):
    """Generates, and scores."""

    quantiser = MU_LAW_NSYNTH

    def generate(self, requests: Sequence[Request]) -> list[Array]:
        return [self.quantiser.decode(codes) for codes in self.engine.generate(requests)]


class Toy:
    """The family `toy`."""

    name = "toy"
    presets: Mapping[str, ToyConfig] = {"tiny": ToyConfig()}
    order: Order = "crops"
    recipes: Mapping[str, Recipe] = {"plain": Recipe()}

    def config_from(self, values: Mapping[str, Any]) -> ToyConfig:
        return ToyConfig(**values)

    def tensor_shapes(self, config: ToyConfig) -> dict[str, tuple[int, ...]]:
        return {"table": (LEVELS, LEVELS)}

    def initial(self, config: ToyConfig, seed: int) -> Weights[ToyConfig]:
        table = generator(seed, "table").normal(0, 0.01, (LEVELS, LEVELS)).astype(np.float32)
        return Weights(config, {"table": table}, {}, self.name)

    def crop_samples(self, config: ToyConfig) -> int:
        return 400

    def loss_name(self, config: ToyConfig) -> LossName:
        return "nll"

    def quantiser(self, config: ToyConfig) -> Quantiser:
        return MU_LAW_NSYNTH

    def given_samples(self, config: ToyConfig) -> int:
        return 1

    def auxiliary(self, config: ToyConfig, recipe: Recipe, seed: int) -> Mapping[str, Array]:
        return {}

    def batch(
        self, config: ToyConfig, crops: Array, recipe: Recipe, draw: np.random.Generator
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        return {"bins": (MU_LAW_NSYNTH.encode(crops) - LOWEST).astype(np.float32)}

    def loss(
        self, config: ToyConfig, tensors: Tensors, batch: Batch, state: Any, phase: Phase
    ) -> Loss:
        import tensorflow as tf

        bins = tf.cast(batch["bins"], tf.int32)
        logits = tf.gather(tensors["table"], bins[:, :-1])
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=bins[:, 1:], logits=logits)
        return Loss(tf.reduce_sum(each), bins.shape[0] * (bins.shape[1] - 1))

    def cost(self, config: ToyConfig) -> Cost:
        return Cost(encode=0, generate=LEVELS)

    def engines(self, config: ToyConfig) -> tuple[EngineName, ...]:
        return ("tensorflow",)

    def default_precision(self, engine: EngineName, instruction_set: str | None) -> Precision:
        return "float32"

    def make_engine(
        self, name: EngineName, weights: Weights[ToyConfig], options: Mapping[str, Any]
    ) -> Engine:
        return ToyEngine(weights)

    def model(self, weights: Weights[ToyConfig], engine: Engine) -> ToyModel:
        return ToyModel(weights, engine)


FAMILY = Toy()
