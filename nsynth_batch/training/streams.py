"""Recordings in order, several side by side: what a family learns that carries a state on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.draws import generator
from nsynth_batch.training.corpus import Corpus


@dataclass(frozen=True)
class Sequences:
    """A piece of each stream.

    Attributes
    ----------
    crops : float32 [B, T]
        In [-1, 1]; silence after the end of a recording.
    samples : float32 [B]
        How many of each row are sound.
    begins : float32 [B]
        1 where nothing stands before a piece that a state could be carried from, else 0.
    """

    crops: npt.NDArray[np.float32]
    samples: npt.NDArray[np.float32]
    begins: npt.NDArray[np.float32]


class Streams:
    """A corpus as streams that run side by side.

    In an epoch each recording is gone through from its beginning to its end, in an order that the
    epoch draws; all of them behind each other are cut into as many streams of one length. Before a
    recording there was silence, as long as the overlap. Where a stream stands follows from the step
    alone, so that a training goes on exactly where it was.

    Parameters
    ----------
    corpus : Corpus
    streams : int
        How many run side by side.
    length : int
        Samples of a piece.
    overlap : int
        So many samples at the end of a piece are the beginning of the next.
    seed : int
        Of the order, and of the places.
    seeded_windows : bool
        Let each epoch begin a recording at a place of its own in the first piece, so that pieces
        are cut elsewhere each time; what stands before that place is left to other epochs. A
        recording that is shorter than two pieces keeps one of them whole.

    Raises
    ------
    ValueError
        If all recordings together are shorter than a piece.

    Examples
    --------
    >>> corpus = Corpus([("a", [np.arange(5, dtype=np.int16)])])
    >>> streams = Streams(corpus, 1, length=4, overlap=1, seed=0)
    >>> for step in range(3):
    ...     at = streams.at(step)
    ...     print(at.crops[0] * 32768, at.samples[0], at.begins[0])
    [0. 0. 1. 2.] 4.0 1.0
    [2. 3. 4. 0.] 3.0 0.0
    [0. 0. 1. 2.] 4.0 1.0
    """

    def __init__(
        self,
        corpus: Corpus,
        streams: int,
        *,
        length: int,
        overlap: int,
        seed: int,
        seeded_windows: bool = False,
    ) -> None:
        self._corpus, self._count, self._seed = corpus, streams, seed
        self._length, self._overlap, self._advance = length, overlap, length - overlap
        lengths = np.diff(corpus.starts)
        if lengths.sum() < length:
            rate = corpus.sample_rate
            raise ValueError(
                f"the recordings to train on hold {lengths.sum() / rate:.2f} s, and a sequence "
                f"takes {length / rate:.2f} s: give more of them, or a smaller preset or "
                "--crop-samples"
            )
        self._pieces = -(-lengths // self._advance)
        highest = np.clip(lengths - self._advance + 1, 1, self._advance)
        self._places = highest if seeded_windows else np.ones_like(lengths)
        self._begun_at = np.zeros_like(lengths)
        self.steps = -(-int(self._pieces.sum()) // streams)
        self._epoch = -1
        self._order: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._ends: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    @property
    def digest(self) -> str:
        """What the places of streams hang on beside the step: which recordings there are."""
        sha = hashlib.sha256("\0".join(self._corpus.names).encode())
        sha.update(self._corpus.starts.astype("<i8").tobytes())
        return sha.hexdigest()

    def at(self, step: int) -> Sequences:
        """Return the piece of each stream at a step, counted from 0."""
        epoch, place = divmod(step, self.steps)
        self._begin(epoch)
        crops = np.zeros((self._count, self._length), np.float32)
        samples = np.zeros(self._count, np.float32)
        begins = np.full(self._count, float(place == 0), np.float32)
        for stream in range(self._count):
            number = (stream * self.steps + place) % int(self._ends[-1])
            nth = int(np.searchsorted(self._ends, number, side="right"))
            which = int(self._order[nth])
            piece = number - int(self._ends[nth] - self._pieces[which])
            start = int(self._begun_at[which]) + piece * self._advance - self._overlap
            silence = max(0, -start)
            sound = self._corpus.piece(which, start + silence, self._length - silence)
            crops[stream, silence : silence + len(sound)] = sound
            samples[stream] = silence + len(sound)
            if piece == 0:
                begins[stream] = 1.0
        return Sequences(crops, samples, begins)

    def _begin(self, epoch: int) -> None:
        if epoch != self._epoch:
            order = generator(self._seed, f"epoch {epoch}").permutation(len(self._pieces))
            self._order, self._ends = order, np.cumsum(self._pieces[order])
            self._begun_at = generator(self._seed, f"windows {epoch}").integers(0, self._places)
            self._epoch = epoch
