"""What a WaveNet's engine is given, checked: the native one reads arrays without bounds checks."""

from __future__ import annotations

from collections.abc import Sequence

from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.wavenet.config import Config

_TAPS = 3
"""Of the published model's filters."""


def require_taps(config: Config, engine: str, decoder: Sequence[int] = (_TAPS,)) -> None:
    """Refuse a model whose filters have a number of taps that an engine does not know.

    Parameters
    ----------
    config : Config
    engine : str
    decoder : sequence of int
        Those that it knows of the decoder's filters; of the encoder's the published 3.

    Raises
    ------
    EngineUnavailableError
        If it has, for an engine that knows no other.
    """
    found = (config.filter_length, config.ae_filter_length)
    if found[0] not in decoder or found[1] != _TAPS:
        known = " or ".join(map(str, decoder))
        raise EngineUnavailableError(
            f"engine {engine}: it has decoders of {known} taps and encoders of {_TAPS}, and the "
            f"model's have {found[0]} and {found[1]}; use the engine tensorflow"
        )
