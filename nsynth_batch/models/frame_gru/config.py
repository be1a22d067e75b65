"""The shape of a network over frames: how long they are, its units, and what it predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nsynth_batch.models.sizes import require_sizes
from nsynth_batch.settings.defaults import SAMPLE_RATE

HEADS = ("mean", "gaussian")
"""What is predicted of a sample: its mean, by squared error; or a normal distribution of it."""

PASTS = ("carried", "window")
"""How far back a prediction looks: to the recording's start, or over one sequence alone."""

QUANTISER = "none"
"""Samples stay numbers; `gain` is all that is done to them."""

SMALLEST_LOG_VARIANCE = -14.0
"""A variance that is no smaller keeps a likelihood finite, where a corpus has digital silence."""

_SIZES = ("frame", "sequence", "hidden", "layers", "sample_rate")


@dataclass(frozen=True)
class FrameConfig:
    """Sizes of the network, and how audio becomes its numbers.

    Attributes
    ----------
    frame
        Samples of a frame, F: all of one are predicted at once.
    sequence
        Frames of a sequence, S: over so many the training looks back for causes.
    hidden, layers
        Channels of a gated recurrent unit, and how many follow each other.
    head
        ``mean`` or ``gaussian``.
    past
        ``carried``: the state goes on from sequence to sequence, and begins anew with a recording.
        ``window``: each sequence begins anew, and a clip's next frame follows from its last S.
    sample_rate
        Samples a second of all audio that the model reads and writes.
    quantiser
        ``none``.
    gain
        What audio is multiplied by, the same for a whole corpus: one over its deviation.

    Raises
    ------
    ValueError
        If a size is no such size.

    Examples
    --------
    >>> FRAME_CONFIGS["1000_100"].hop, FRAME_CONFIGS["1000_100"].sequence_samples
    (1000, 100000)
    """

    frame: int
    sequence: int
    hidden: int
    layers: int = 2
    head: str = "mean"
    past: str = "carried"
    sample_rate: int = SAMPLE_RATE
    quantiser: str = QUANTISER
    gain: float = 1.0

    def __post_init__(self) -> None:
        for name in _SIZES:
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number above 0, not {value!r}")
        for name, known in (("head", HEADS), ("past", PASTS), ("quantiser", (QUANTISER,))):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"the family frames knows the {name} {' or '.join(known)}, "
                    f"not {getattr(self, name)!r}"
                )
        if not (np.isfinite(self.gain) and self.gain > 0):
            raise ValueError(f"gain must be above 0 and finite, not {self.gain}")

    @property
    def hop(self) -> int:
        """The shortest piece of audio that it works on: a frame."""
        return self.frame

    @property
    def varies(self) -> bool:
        """Whether it predicts a variance beside each mean."""
        return self.head == "gaussian"

    @property
    def outputs(self) -> int:
        """How many numbers it predicts of a frame."""
        return 2 * self.frame if self.varies else self.frame

    @property
    def sequence_samples(self) -> int:
        """Samples of a sequence."""
        return self.frame * self.sequence

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes by name, as they stand in a checkpoint's metadata."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FrameConfig:
        """Return the configuration that `to_dict` described.

        Raises
        ------
        ValueError
            If a size is unknown, missing or no such size.
        """
        require_sizes(values, cls.__dataclass_fields__, {"frame", "sequence", "hidden"})
        return cls(**values)


def _published(frame: int, sequence: int) -> FrameConfig:
    return FrameConfig(frame, sequence, hidden=199)


FRAME_CONFIGS: Mapping[str, FrameConfig] = {
    "tiny": FrameConfig(200, 20, hidden=96, head="gaussian"),
    "small": FrameConfig(1000, 100, hidden=199, head="gaussian"),
    **{
        f"{frame}_{sequence}": _published(frame, sequence)
        for frame, sequence in (
            (1000, 100), (1000, 50), (4000, 50), (4000, 100), (800, 8000), (40_000, 40),
            (40, 40_000),
        )
    },
}  # fmt: skip
"""Sizes by name: those called F_S are the ones that were published, with their head."""


def tensor_shapes(config: FrameConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor: weights [in, out] and biases [out].

    A unit's input has the columns update, reset, candidate; ``gates`` those of the first two,
    ``candidate`` the third, both of the state.
    """
    h = config.hidden
    shapes: dict[str, tuple[int, ...]] = {"input/W": (config.frame, h), "input/biases": (h,)}
    for i in range(1, config.layers + 1):
        shapes[f"gru_{i}/input/W"] = (h, 3 * h)
        shapes[f"gru_{i}/input/biases"] = (3 * h,)
        shapes[f"gru_{i}/gates/W"] = (h, 2 * h)
        shapes[f"gru_{i}/candidate/W"] = (h, h)
    shapes["output/W"] = (h, config.outputs)
    shapes["output/biases"] = (config.outputs,)
    return shapes


def products(config: FrameConfig) -> int:
    """Return the multiply-adds of a frame."""
    shapes = tensor_shapes(config)
    return sum(shape[0] * shape[1] for shape in shapes.values() if len(shape) == 2)
