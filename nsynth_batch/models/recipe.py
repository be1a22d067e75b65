"""What helps a model to learn: noise on inputs, an auxiliary loss, a first phase of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.float32]

Phase = Literal["encoder", "decoder", "all"]
"""What learns: the encoder by its auxiliary loss alone, the decoder alone, or everything."""


@dataclass(frozen=True)
class Corruption:
    """Noise on the decoder's inputs, so that it learns to go on after mistakes of its own.

    Teacher-forced on clean pasts a decoder never meets what it draws itself; in free running it
    then loses the pitch within a fraction of a second. Targets stay clean, and so does what the
    encoder reads.

    Attributes
    ----------
    jitter
        Standard deviation of the noise on every input, in codes.
    share
        In which share of the crops there are spans of stronger noise.
    spans
        Most spans in such a crop; how many is drawn evenly from 1 on.
    span_samples
        Shortest and longest span, in samples.
    noise
        Lowest and highest standard deviation in a span, in codes, drawn log-uniformly.
    """

    jitter: float = 0.5
    share: float = 0.7
    spans: int = 3
    span_samples: tuple[int, int] = (256, 2048)
    noise: tuple[float, float] = (2.0, 60.0)


@dataclass(frozen=True)
class Recipe:
    """How a family is taught beside its plain loss; the defaults are the published way.

    Attributes
    ----------
    corruption
        Of the decoder's inputs; None leaves them clean.
    spectral_weight
        Weight of the auxiliary loss, by which an encoding must predict the spectrum of its frame; 0
        for none.
    encoder_steps
        First steps in which the encoder learns alone, from the auxiliary loss.
    keep_encoder
        Whether the encoder stays as it is after those steps, and the decoder learns alone.
    seeded_windows
        Whether each pass through a recording is cut at places of its own, drawn by the seed. Of a
        family that learns streams alone: crops begin at drawn places anyway.
    fitted
        Whether what no gradient teaches is fitted at the end: the postfilter of `nsynth`. What is
        learned does not hang on it.
    """

    corruption: Corruption | None = None
    spectral_weight: float = 0.0
    encoder_steps: int = 0
    keep_encoder: bool = False
    seeded_windows: bool = False
    fitted: bool = False

    def phase(self, step: int) -> Phase:
        """Return what learns in a step, counted from 0."""
        if step < self.encoder_steps:
            return "encoder"
        return "decoder" if self.keep_encoder else "all"


FREE_RUNNING = Recipe(Corruption(), spectral_weight=0.1, encoder_steps=1000, fitted=True)
"""What makes a model that holds a pitch when it decodes by itself."""

COPIES = Recipe(seeded_windows=True)
"""What copies of a recording are joined and subdivided for: cuts that move from pass to pass."""


def corrupted(
    codes: Codes,
    corruption: Corruption | None,
    draw: np.random.Generator,
    lowest: int,
    highest: int,
) -> Codes:
    """Return inputs for a decoder that is to predict these codes.

    Parameters
    ----------
    codes : float32 [B, T]
    corruption : Corruption or None
    draw : numpy.random.Generator
        What the noise is drawn from.
    lowest, highest : int
        The range of codes, which inputs keep to.

    Returns
    -------
    float32 [B, T]
        Between the codes' steps, too: the network's first layer takes any number.
    """
    if corruption is None:
        return codes
    inputs = codes + draw.normal(0, corruption.jitter, codes.shape)
    shortest, longest = corruption.span_samples
    low, high = np.log(corruption.noise)
    for row in inputs:
        if draw.random() >= corruption.share:
            continue
        for _ in range(draw.integers(1, corruption.spans + 1)):
            length = int(draw.integers(shortest, longest + 1))
            start = int(draw.integers(0, max(1, len(row) - shortest)))
            span = row[start : start + length]
            span += draw.normal(0, np.exp(draw.uniform(low, high)), len(span))
    return np.clip(inputs, lowest, highest).astype(np.float32)
