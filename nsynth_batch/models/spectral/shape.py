"""What a shape of spectral model answers its engine: codes of one sound, and sound of codes."""

from __future__ import annotations

from typing import Protocol

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.published_config import PublishedConfig
from nsynth_batch.models.weights import Array

AnyConfig = SpectralConfig | PublishedConfig


class Shape(Protocol):
    """The networks of a shape, and how it takes spectra.

    Attributes
    ----------
    network_bytes : int
        What running a network takes at once, for one clip.
    """

    network_bytes: int

    def encode(self, audio: Array) -> Array:
        """Return the encoding [F, width] of a sound, float32 [F · hop]."""
        ...

    def magnitudes(self, encoding: Array) -> Array:
        """Return the magnitudes that an encoding of a frame at least stands for, [J, bins]."""
        ...

    def sound(self, wanted: Array, draws: Draws) -> Array:
        """Return a sound of such magnitudes, float32 [F · hop]."""
        ...

    def error(self, audio: Array) -> float:
        """Return the loss of training, of a sound of whole hops."""
        ...
