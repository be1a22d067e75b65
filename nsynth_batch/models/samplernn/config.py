"""The shape of a SampleRNN: its tiers of frames, their units, and how audio becomes codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from nsynth_batch.models.quantiser import quantiser_named
from nsynth_batch.models.sizes import require_sizes
from nsynth_batch.settings.defaults import SAMPLE_RATE

QUANTA = 256
"""Codes, so the width of the logits."""

_SIZES = ("hidden", "layers", "embedding", "sequence", "sample_rate")


@dataclass(frozen=True)
class SampleConfig:
    """Sizes of the network, and how audio becomes its codes.

    Attributes
    ----------
    frames
        Samples of a frame of each tier, the longest first: each is a multiple of the next. A tier
        reads its last frame and conditions the tier below it; the last one conditions the network
        over samples, which sees as many samples back as that tier's frames are long.
    hidden, layers
        Channels of all layers, and gated recurrent units of a tier that follow each other.
    embedding
        Numbers that a code becomes before the network over samples.
    sequence
        Samples over which training looks back for causes; a multiple of the longest frame.
    skip
        Whether each unit of a tier reads the tier's input and the states of all units before it,
        and the tier's output is the sum of all states; otherwise units follow each other alone.
    reset_after
        Whether a unit's reset gate comes after the recurrent product and its biases, as cuDNN's
        units have it (and so PyTorch's); otherwise before it, as published.
    sample_rate
        Samples a second of all audio that the model reads and writes.
    quantiser
        ``linear``, ``mu-law`` or ``mu-law-nsynth``.
    gain
        Of the linear quantiser; 1 for the others.

    Raises
    ------
    ValueError
        If a size is no such size, or frames do not divide each other.

    Examples
    --------
    >>> SAMPLE_CONFIGS["poster"].hop, SAMPLE_CONFIGS["poster"].ratio(0)
    (16, 2)
    """

    frames: tuple[int, ...]
    hidden: int
    layers: int = 1
    embedding: int = 256
    sequence: int = 1024
    skip: bool = False
    reset_after: bool = False
    sample_rate: int = SAMPLE_RATE
    quantiser: str = "linear"
    gain: float = 1.0

    def __post_init__(self) -> None:
        whole = {f"{name} must be": getattr(self, name) for name in _SIZES}
        if not isinstance(self.frames, tuple) or not self.frames:
            raise ValueError(f"frames must be lengths of frames, not {self.frames!r}")
        whole |= {f"frame length {i + 1} must be": n for i, n in enumerate(self.frames)}
        for what, value in whole.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{what} a whole number above 0, not {value!r}")
        lengths = ", ".join(map(str, self.frames))
        for slow, fast in pairwise(self.frames):
            if slow <= fast or slow % fast:
                raise ValueError(
                    f"frame lengths {lengths} do not divide: {slow} is no multiple of {fast}; "
                    "give them from the longest to the shortest, each a multiple of the next"
                )
        if self.sequence % self.hop:
            raise ValueError(
                f"a sequence of {self.sequence} samples is no whole number of the longest frames "
                f"of {self.hop}"
            )
        for name in ("skip", "reset_after"):
            if not isinstance(value := getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false, not {value!r}")
        quantiser_named(self.quantiser, self.gain)

    @property
    def hop(self) -> int:
        """The shortest piece of audio that it works on: the longest frame."""
        return self.frames[0]

    @property
    def lookback(self) -> int:
        """Samples that the network over samples sees: the shortest frame."""
        return self.frames[-1]

    def ratio(self, tier: int) -> int:
        """Return how many frames of the tier below, or samples, a frame of a tier conditions."""
        below = (*self.frames, 1)[tier + 1]
        return self.frames[tier] // below

    @property
    def in_words(self) -> str:
        """The tiers in words, the slowest first."""

        def length(samples: int) -> str:
            return f"{samples} samples ({1000 * samples / self.sample_rate:.2g} ms)"

        tiers = ", then of ".join(map(length, self.frames))
        units = "gated recurrent unit" + ("" if self.layers == 1 else "s")
        skip = " with skip connections" if self.skip else ""
        number = f"{len(self.frames)} tier{'' if len(self.frames) == 1 else 's'} of frames"
        return (
            f"{number}: of {tiers}, {'each ' if len(self.frames) > 1 else ''}of {self.layers} "
            f"{units} of {self.hidden}{skip}; a network over samples sees the last {self.lookback}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes by name, as they stand in a checkpoint's metadata."""
        values = {**asdict(self), "frames": list(self.frames)}
        if not self.reset_after:
            # A model that was made before there was a choice keeps its digest.
            del values["reset_after"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SampleConfig:
        """Return the configuration that `to_dict` described.

        Raises
        ------
        ValueError
            If a size is unknown, missing or no such size.
        """
        require_sizes(values, cls.__dataclass_fields__, {"frames", "hidden"})
        frames = values["frames"]
        whole = tuple(frames) if isinstance(frames, (list, tuple)) else (frames,)
        return cls(**{**values, "frames": whole})


def _poster(frames: tuple[int, ...]) -> SampleConfig:
    return SampleConfig(frames, hidden=1024, sample_rate=44_100)


SAMPLE_CONFIGS: Mapping[str, SampleConfig] = {
    "tiny": SampleConfig((16, 4), hidden=96, embedding=64, sequence=512),
    "small": SampleConfig((64, 16), hidden=256),
    "poster": _poster((16, 8)),
    "poster-8-2": _poster((8, 2)),
    "paper-2": SampleConfig((16,), hidden=1024, layers=3),
    "paper-3": SampleConfig((8, 2), hidden=1024, sequence=512),
}
"""Sizes by name. The poster's "8 and 2" is read both ways: as the ratios of samplernn-pytorch, from
the fastest tier up, and as the paper's lengths. Its "2-tier" is the paper's 3-tier: the paper
counts the network over samples."""


def layers(config: SampleConfig) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the layers whose weights have a norm of their own."""
    h, shapes = config.hidden, dict[str, tuple[int, ...]]()
    for tier, frame in enumerate(config.frames):
        shapes[f"tier_{tier + 1}/input"] = (frame, h)
        shapes[f"tier_{tier + 1}/up"] = (h, config.ratio(tier) * h)
    shapes["samples"] = (config.lookback, config.embedding, h)
    shapes["hidden"] = (h, h)
    shapes["logits"] = (h, QUANTA)
    return shapes


def tensor_shapes(config: SampleConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor.

    A layer's weights are directions ``V`` […, in, out] and their norms ``g`` [out]; that over
    samples has no biases. A unit's are ``W``, as the family `frames` has them: its input's columns
    are update, reset, candidate. ``begin`` is the state of each unit before the first frame.
    """
    h, shapes = config.hidden, dict[str, tuple[int, ...]]()
    for name, shape in layers(config).items():
        shapes[f"{name}/V"] = shape
        shapes[f"{name}/g"] = shape[-1:]
        if name != "samples":
            shapes[f"{name}/biases"] = shape[-1:]
    for tier in range(1, len(config.frames) + 1):
        shapes[f"tier_{tier}/begin"] = (config.layers, h)
        for i in range(1, config.layers + 1):
            name = f"tier_{tier}/gru_{i}"
            shapes[f"{name}/input/W"] = (h, 3 * h)
            shapes[f"{name}/input/biases"] = (3 * h,)
            shapes[f"{name}/gates/W"] = (h, 2 * h)
            shapes[f"{name}/candidate/W"] = (h, h)
            if config.reset_after:
                shapes[f"{name}/candidate/biases"] = (h,)
    shapes["embedding"] = (QUANTA, config.embedding)
    return shapes


def products(config: SampleConfig) -> int:
    """Return the multiply-adds of a sample; those that tables save are left out."""
    h = config.hidden
    per_sample = h * h + h * QUANTA
    for tier, frame in enumerate(config.frames):
        a_frame = frame * h + config.layers * 6 * h * h + config.ratio(tier) * h * h
        per_sample += -(-a_frame // frame)
    return per_sample
