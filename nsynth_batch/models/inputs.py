"""What engines are given, checked: the native ones read arrays without bounds checks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nsynth_batch.models import quantiser
from nsynth_batch.models.engine import Codes, Request
from nsynth_batch.models.weights import Array


def frames_of(hop: int, audio: Array) -> tuple[int, int]:
    """Return how many clips some audio is, and of how many frames each.

    Raises
    ------
    ValueError
        If it is not [B, T], T a multiple of the hop, or is empty.
    """
    if audio.ndim != 2 or audio.shape[1] % hop or 0 in audio.shape:
        raise ValueError(f"audio must be [B, T], T a multiple of {hop}, not {audio.shape}")
    return audio.shape[0], audio.shape[1] // hop


def checked_encodings(width: int, hop: int, requests: Sequence[Request]) -> list[Array]:
    """Return the encoding that each clip is generated under, float32 [F_i, width].

    Raises
    ------
    ValueError
        If one is missing, has another shape, is not finite or does not fit the clip's length, or
        a prompt is given: a clip of an autoencoder begins at silence.
    """
    encodings = []
    for request in requests:
        encoding = request.conditioning
        if encoding is None:
            raise ValueError(f"clip {request.id!r} has no encoding, and the model decodes them")
        if encoding.ndim != 2 or encoding.shape[1] != width:
            raise ValueError(f"encoding {request.id!r} must be [F, {width}], not {encoding.shape}")
        require_finite(encoding, f"encoding {request.id!r}")
        if request.length != len(encoding) * hop:
            raise ValueError(
                f"clip {request.id!r} is of {request.length} samples, its encoding of "
                f"{len(encoding)} frames of {hop}"
            )
        if request.prompt is not None:
            raise ValueError(f"clip {request.id!r} has a prompt, which the model cannot go on from")
        encodings.append(np.ascontiguousarray(encoding, np.float32))
    return encodings


def refuse_conditioning(requests: Sequence[Request]) -> None:
    """Refuse clips with a conditioning, which only an autoencoder generates under.

    Raises
    ------
    ValueError
        If one has it.
    """
    for request in requests:
        if request.conditioning is not None:
            raise ValueError(f"clip {request.id!r}: the model has no conditioning")


def checked_prefixes(requests: Sequence[Request]) -> list[Codes]:
    """Return the prefix of each clip: empty where it has none.

    Raises
    ------
    ValueError
        If one is longer than its clip, or holds values that are no codes.
    """
    nothing = np.zeros(0, np.int16)
    for request in requests:
        prefix = nothing if request.prefix is None else request.prefix
        if prefix.ndim != 1 or len(prefix) > request.length:
            raise ValueError(
                f"prefix {request.id!r} {prefix.shape} does not fit a clip of {request.length} "
                "samples"
            )
        if np.any((prefix < quantiser.LOWEST) | (prefix > quantiser.HIGHEST)):
            raise ValueError(f"prefix {request.id!r} holds values that are no codes")
    return [nothing if r.prefix is None else r.prefix for r in requests]


def require_finite(values: Array, what: str) -> None:
    """Refuse values that are not finite.

    Raises
    ------
    ValueError
        If one is NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise ValueError(f"{what} must be finite: it holds NaN or infinite values")
