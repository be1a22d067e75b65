"""How likely a model finds what it has made: nats a sample, teacher-forced, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.code_generator import CodeGenerator
from nsynth_batch.models.engine import OnProgress
from nsynth_batch.models.weights import Array

_PIECE = 16_384
"""Samples that are scored at once, beside those that they follow from."""
_TIMES_CONTEXT = 4
"""A piece is at least so many times what it follows from, which has to be gone through again."""


def clip_nll(
    model: CodeGenerator,
    clips: Sequence[Array],
    primes: Sequence[Array] | None = None,
    on_progress: OnProgress | None = None,
) -> npt.NDArray[np.float64]:
    """Return the mean negative log-likelihood of clips' samples, at temperature 1.

    Whatever they were drawn at. A clip's own does not depend on which others there are.

    Parameters
    ----------
    model : CodeGenerator
        That made them.
    clips : sequence of float32 [T]
        All of one length.
    primes : sequence of float32 [n], optional
        What each went on from, all of one length: given, and not scored.
    on_progress : callable, optional
        Called with the samples scored since the last call; 0 is a sign of life.

    Returns
    -------
    float64 [clips], in nats a sample
    """
    given = len(primes[0]) if primes else 0
    found = np.zeros(len(clips))
    piece = max(_PIECE, _TIMES_CONTEXT * model.context)
    alive = None if on_progress is None else partial(on_progress, 0)
    at_once = model.scored_at_once
    for first in range(0, len(clips), at_once):
        rows = [
            clip if primes is None else np.concatenate([primes[first + i], clip])
            for i, clip in enumerate(clips[first : first + at_once])
        ]
        audio = np.stack(rows)
        for start in range(given, audio.shape[1], piece):
            before = min(start, model.context)
            part = audio[:, start - before : start + piece]
            scored = part.shape[1] - before
            found[first : first + len(rows)] += model.nll(part, before, alive) * scored
            if on_progress is not None:
                on_progress(scored * len(rows))
    return found / max(1, len(clips[0]) if clips else 1)
