"""What clips of a store were made from, as sound: the texture of each beside its parents'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nsynth_batch.store.mash_rows import WeightedParent
from nsynth_batch.store.segments import Segments
from sequencer.audio.samples import from_int16
from sequencer.clips.gate import Origin
from sequencer.clips.texture import Texture, partials_kept, texture

_LEAST_WEIGHT = 0.25
"""A parent of a smaller mean share says nothing about its clip."""
_MOST_KEPT = 64
"""Parents that are kept in memory."""


@dataclass(frozen=True)
class _Sound:
    samples: npt.NDArray[np.float32]
    texture: Texture


class Origins:
    """Finds the origin of clips that were decoded from mash-ups.

    Parents are read for clips that are noise by themselves: of the others nothing need be known.

    Parameters
    ----------
    segments : Segments
        Of the mash-ups that the clips were decoded from.
    """

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._sound = lru_cache(_MOST_KEPT)(self._read)

    def of(
        self,
        samples: npt.NDArray[np.int16],
        sample_rate: int,
        parents: Sequence[WeightedParent],
    ) -> Origin:
        """Return the origin of a clip.

        Parameters
        ----------
        samples : int16 [n]
            The clip.
        sample_rate : int
            Of it and its parents, in Hz.
        parents : sequence of WeightedParent
            One that was stretched is no measure of its clip: its time is another.
        """
        clip = from_int16(samples)
        own = texture(clip, sample_rate)
        if not own.noisy:
            return Origin(own.frames, own.structure, own.voiced)
        best: tuple[_Sound, npt.NDArray[np.float64]] | None = None
        for parent in parents:
            if parent.stretch != 1 or float(parent.weights.mean()) < _LEAST_WEIGHT:
                continue
            sound = self._sound(parent.file_id, parent.segment, sample_rate)
            if sound is not None and (best is None or _says_more(sound, best[0])):
                best = sound, parent.weights
        if best is None:
            return Origin(own.frames, own.structure, own.voiced)
        sound, share = best
        # In a clip of the longer one's length the shorter one repeats.
        source = np.resize(sound.samples, len(clip))
        kept = partials_kept(source, clip, share, sample_rate)
        return Origin(
            own.frames,
            own.structure,
            own.voiced,
            sound.texture.structure,
            sound.texture.voiced,
            None if np.isnan(kept) else kept,
        )

    def _read(self, file_id: str, segment: int, sample_rate: int) -> _Sound | None:
        row = self._segments.samples(file_id, segment)
        if row is None:
            return None
        samples = from_int16(row)
        return _Sound(samples, texture(samples, sample_rate))


def _says_more(sound: _Sound, other: _Sound) -> bool:
    """Whether one sound is a better measure of what its clip should have kept: noise never is."""
    mine, theirs = sound.texture, other.texture
    return (not mine.noisy, mine.structure) > (not theirs.noisy, theirs.structure)
