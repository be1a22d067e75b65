"""What the native engine is given, checked: it reads these arrays without a look at their ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nsynth_batch.models import quantiser
from nsynth_batch.models.engine import Codes
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.weights import Array


def frames_of(config: Config, audio: Array) -> tuple[int, int]:
    """Check the shape of audio and give how many clips it is, of how many frames.

    Raises
    ------
    ValueError
        If it is not [B, T], T a multiple of the hop, or is empty.
    """
    hop = config.ae_hop_length
    if audio.ndim != 2 or audio.shape[1] % hop or 0 in audio.shape:
        raise ValueError(f"audio must be [B, T], T a multiple of {hop}, not {audio.shape}")
    return audio.shape[0], audio.shape[1] // hop


def checked_encoding(config: Config, encoding: Array, number: int) -> Array:
    """Give a clip's encoding as the engine reads it.

    Raises
    ------
    ValueError
        If it is not [F, bottleneck], or not finite.
    """
    if encoding.ndim != 2 or encoding.shape[1] != config.ae_bottleneck:
        raise ValueError(
            f"encoding {number} must be [F, {config.ae_bottleneck}], not {encoding.shape}"
        )
    require_finite(encoding, f"encoding {number}")
    return np.ascontiguousarray(encoding, np.float32)


def checked_prefixes(prefixes: Sequence[Codes] | None, samples: Sequence[int]) -> Sequence[Codes]:
    """Give a prefix for each clip of so many samples.

    Raises
    ------
    ValueError
        If one is missing, is longer than its clip, or holds what is no code.
    """
    if prefixes is None:
        return [np.zeros(0, np.int16)] * len(samples)
    if len(prefixes) != len(samples):
        raise ValueError(f"{len(samples)} clips want as many prefixes, not {len(prefixes)}")
    for i, (prefix, most) in enumerate(zip(prefixes, samples, strict=True)):
        if prefix.ndim != 1 or len(prefix) > most:
            raise ValueError(f"prefix {i} {prefix.shape} does not fit a clip of {most} samples")
        if np.any((prefix < quantiser.LOWEST) | (prefix > quantiser.HIGHEST)):
            raise ValueError(f"prefix {i} holds values that are no mu-law codes")
    return prefixes


def require_finite(values: Array, what: str) -> None:
    """Refuse values that are not finite.

    Raises
    ------
    ValueError
        If one is NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise ValueError(f"{what} must be finite: it holds NaN or infinite values")
