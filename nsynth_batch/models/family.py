"""What a kind of model must answer, and which kinds there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.engine import Engine
from nsynth_batch.models.model import LoadedModel
from nsynth_batch.models.quantiser import Quantiser
from nsynth_batch.models.recipe import Phase, Recipe
from nsynth_batch.models.segments import Segment
from nsynth_batch.models.weights import Array, CheckpointError, ModelConfig, Weights
from nsynth_batch.settings.choices import EngineName, Precision

Tensor = Any
Tensors = Mapping[str, Tensor]
Batch = Mapping[str, Tensor]

Order = Literal["crops", "streams"]
"""In which order a family learns: any crop alone, or long pieces side by side, state carried on."""

LossName = Literal["nll", "density_nll", "squared_error"]
"""What a loss measures: the negative log-likelihood of codes, that of numbers, whose density has no
lower bound, or a mean squared error."""

LOSS_UNITS: Mapping[LossName, str] = {
    "nll": "nats",
    "density_nll": "nats of a density",
    "squared_error": "squared error",
}
"""What each loss is counted in, a sample, in words."""

FAMILIES = {
    "nsynth": "nsynth_batch.models.wavenet.family",
    "wavenet": "nsynth_batch.models.wavenet.plain_family",
    "samplernn": "nsynth_batch.models.samplernn.family",
    "spectral": "nsynth_batch.models.spectral.family",
    "frames": "nsynth_batch.models.frame_gru.family",
}
"""The module of each family, whose `FAMILY` it is. Imported when a model of it is met."""

ConfigT = TypeVar("ConfigT", bound=ModelConfig)


@dataclass(frozen=True)
class Loss:
    """What a family's loss is of some crops: sums, so that those of other crops can be added.

    Attributes
    ----------
    total : scalar tensor
        Negative log-likelihood of all samples together, in nats (or what the family minimises).
    count : int or scalar tensor
        How many samples that is.
    state : tensors or None
        What the next crops of the same streams begin with; None for a family of crops.
    auxiliary : scalar tensor or None
        Mean error of the auxiliary loss; None where there is none.
    beside : mapping of str to scalar tensors
        Means that are reported beside the loss, and that nothing learns by.
    averaged : mapping of str to tensors
        Of those tensors of the model that no gradient teaches, what this batch had: the model's
        become moving averages of it.
    """

    total: Tensor
    count: int | Tensor
    state: Any = None
    auxiliary: Tensor | None = None
    beside: Mapping[str, Tensor] = field(default_factory=dict)
    averaged: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Cost:
    """What a model costs, for forecasts.

    Attributes
    ----------
    encode : int
        Multiply-adds to encode a sample; 0 for a family without an encoder.
    generate : int
        Multiply-adds to generate a sample.
    encoding_bytes : float
        Bytes of encoding a sample; 0 for a family without an encoder.
    every : mapping of str to int
        In how many samples a tensor is applied once, by its name; 1 where it is not named.
    targets : frozenset of str
        Tensors that a training applies to targets alone, and not to a crop's given samples.
    """

    encode: int
    generate: int
    encoding_bytes: float = 0.0
    every: Mapping[str, int] = field(default_factory=dict)
    targets: frozenset[str] = frozenset()


class Family(Protocol[ConfigT]):
    """A kind of model.

    Attributes
    ----------
    name : str
        As it stands in a checkpoint's metadata.
    presets : mapping of str to configurations
        Sizes by name, the first is the default.
    order : str
        In which order it learns.
    recipes : mapping of str to recipes
        How it is taught, by name, the first is the default.
    """

    name: str
    presets: Mapping[str, ConfigT]
    order: Order
    recipes: Mapping[str, Recipe]

    def config_from(self, values: Mapping[str, Any]) -> ConfigT:
        """Return the configuration of a checkpoint's metadata.

        Raises
        ------
        ValueError
            If a size is unknown, missing or no such size.
        """
        ...

    def tensor_shapes(self, config: ConfigT) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor by its name."""
        ...

    def initial(self, config: ConfigT, seed: int) -> Weights[ConfigT]:
        """Return the weights that a training begins with; the same seed gives the same."""
        ...

    def crop_samples(self, config: ConfigT) -> int:
        """Return how long a crop teaches the most for its samples."""
        ...

    def loss_name(self, config: ConfigT) -> LossName:
        """Return what its loss measures."""
        ...

    def quantiser(self, config: ConfigT) -> Quantiser:
        """Return how audio becomes the codes that the model predicts."""
        ...

    def given_samples(self, config: ConfigT) -> int:
        """Return how many samples a crop begins with that no loss is taken of."""
        ...

    def auxiliary(self, config: ConfigT, recipe: Recipe, seed: int) -> Mapping[str, Array]:
        """Return weights that a recipe trains beside the model's own, and that are no part of it.

        Raises
        ------
        ValueError
            If the family has no auxiliary loss and the recipe asks for it.
        """
        ...

    def batch(
        self, config: ConfigT, crops: Array, recipe: Recipe, draw: np.random.Generator
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return what the loss reads of crops float32 [B, T] in [-1, 1], a row a crop in each."""
        ...

    def loss(
        self, config: ConfigT, tensors: Tensors, batch: Batch, state: Any, phase: Phase
    ) -> Loss:
        """Return the loss of some rows of a batch, in TensorFlow.

        Parameters
        ----------
        config : ModelConfig
        tensors : mapping of str to tensors
            The weights, the auxiliary ones among them.
        batch : mapping of str to tensors [B, …]
            Rows of what `batch` returned; of streams also ``samples`` [B], how many samples of each
            crop are sound: the rest is padding after a recording's end.
        state : tensors or None
            What these streams ended with before; None at their beginning and for crops.
        phase : str
            What learns.
        """
        ...

    def cost(self, config: ConfigT) -> Cost:
        """Return what the model costs."""
        ...

    def engines(self, config: ConfigT) -> Sequence[EngineName]:
        """Return the engines that run it."""
        ...

    def default_precision(self, engine: EngineName, instruction_set: str | None) -> Precision:
        """Return the precision that ``auto`` stands for on an engine."""
        ...

    def make_engine(
        self, name: EngineName, weights: Weights[ConfigT], options: Mapping[str, Any]
    ) -> Engine:
        """Make an engine.

        Parameters
        ----------
        name : str
            One of `engines`.
        weights : Weights
            What it is to run.
        options : mapping
            ``threads``, ``memory``, ``precision``, and the engine's own.

        Raises
        ------
        EngineUnavailableError
            If it cannot be had here.
        """
        ...

    def model(self, weights: Weights[ConfigT], engine: Engine) -> LoadedModel:
        """Return a model that is ready to use."""
        ...


@runtime_checkable
class StreamFamily(Family[ConfigT], Protocol[ConfigT]):
    """A family that learns recordings in order: what it has met stays in a state."""

    def state(self, config: ConfigT, streams: int) -> Mapping[str, Array]:
        """Return what so many streams begin with, float32 [streams, …] each."""
        ...


@runtime_checkable
class BatchFamily(Family[ConfigT], Protocol[ConfigT]):
    """A family of which some sizes learn a batch as one: its crops are normalised together."""

    def whole_batch(self, config: ConfigT) -> bool:
        """Return whether these sizes do."""
        ...

    def kept_numbers(self, config: ConfigT) -> int:
        """Return how many numbers of a crop are kept for the gradient, of sizes that do."""
        ...

    def segments(self, config: ConfigT) -> Sequence[Segment]:
        """Return what the loss does from norm to norm, of sizes that do."""
        ...


@runtime_checkable
class FittedFamily(Family[ConfigT], Protocol[ConfigT]):
    """A family whose models have a part that no gradient teaches: it is solved for at the end."""

    def unfitted(self, weights: Weights[ConfigT]) -> Weights[ConfigT]:
        """Return a model without that part, as it learns."""
        ...

    def fitted(
        self, weights: Weights[ConfigT], encodings: Sequence[Array], sounds: Sequence[Array]
    ) -> Weights[ConfigT]:
        """Return a model with that part.

        Parameters
        ----------
        weights : Weights
            Of the model without it.
        encodings : sequence of float32 [F, width]
            At least one.
        sounds : sequence of float32 [F · hop]
            What they are encodings of: what it is fitted to.
        """
        ...


def learns_whole_batches(family: Family[Any], config: Any) -> bool:
    """Return whether the crops of a batch are normalised together, so that none is learned alone.

    Examples
    --------
    >>> family = family_named("spectral")
    >>> [learns_whole_batches(family, family.presets[name]) for name in ("small", "published")]
    [False, True]
    """
    return isinstance(family, BatchFamily) and family.whole_batch(config)


def resized(weights: Weights[Any], config: Any, seed: int) -> Weights[Any]:
    """Return a model of other sizes: tensors that have the same shape stay, others begin anew.

    Parameters
    ----------
    weights : Weights
    config : configuration
        Of the same family.
    seed : int
        Of the tensors that begin anew.

    Examples
    --------
    >>> from dataclasses import replace
    >>> family = family_named("nsynth")
    >>> small = family.initial(family.presets["small"], 1)
    >>> wider = resized(small, replace(small.config, ae_bottleneck=80), 2)
    >>> [bool((wider.tensors[name] == small.tensors[name]).all())
    ...  for name in ("logits/W", "ae_startconv/W")], wider.tensors["ae_bottleneck/W"].shape
    ([True, True], (1, 1, 64, 80))
    """
    begun = family_named(weights.family).initial(config, seed)
    old = weights.tensors
    tensors = {
        name: old[name] if name in old and old[name].shape == value.shape else value
        for name, value in begun.tensors.items()
    }
    return replace(weights, config=config, tensors=tensors)


def family_named(name: str, source: str = "") -> Family[Any]:
    """Return a family by its name.

    Parameters
    ----------
    name : str
        As it stands in a checkpoint's metadata.
    source : str
        The checkpoint, for the message.

    Raises
    ------
    CheckpointError
        If there is none of that name.

    Examples
    --------
    >>> family_named("nsynth").presets["small"].width
    64
    """
    module = FAMILIES.get(name)
    if module is None:
        where = f"{source}: " if source else ""
        raise CheckpointError(
            f"{where}no family is called {name!r}; this version has {', '.join(FAMILIES)}"
        )
    family: Family[Any] = import_module(module).FAMILY
    return family
