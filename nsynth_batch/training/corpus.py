"""What a model is trained on: recordings side by side in one file of samples, and crops of them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from nsynth_batch.models.draws import generator
from nsynth_batch.settings.defaults import SAMPLE_RATE
from sequencer.audio.mixing import Mix
from sequencer.audio.recording import open_recording
from sequencer.audio.samples import from_int16, to_int16
from sequencer.audio.suffixes import is_audio_name
from sequencer.errors import AudioError

Samples = npt.NDArray[np.int16]
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Augmentation:
    """How a crop is changed before it is learned from; the defaults change nothing.

    Attributes
    ----------
    gain_db
        Lowest and highest gain, in decibels, drawn evenly.
    semitones
        Played faster or slower by up to so many semitones.
    flip
        Turn the sign of every other crop.
    """

    gain_db: tuple[float, float] = (0.0, 0.0)
    semitones: float = 0.0
    flip: bool = False


WIDE = Augmentation(gain_db=(-12.0, 6.0), semitones=3.0, flip=True)
"""What the bundled model was trained with."""


class Corpus:
    """Recordings as one memory-mapped run of int16 samples.

    Parameters
    ----------
    recordings : iterable of (name, int16 [n] blocks)
        Spooled to a temporary file as they come, so that memory holds one block. A block of None
        means that the recording begins again: only its end showed how it has to be mixed.
    sample_rate : int
        Samples a second of all of them.

    Attributes
    ----------
    sample_rate : int
        Samples a second of all recordings.
    names : list of str
        The recordings, in order.
    starts : int64 [recordings + 1]
        Where each begins, in samples, and the end of the last.
    rejected : dict of str to str
        What could not be read, and why.
    """

    def __init__(
        self,
        recordings: Iterable[tuple[str, Iterable[Samples | None]]],
        sample_rate: int = SAMPLE_RATE,
    ) -> None:
        self.sample_rate = sample_rate
        self.rejected: dict[str, str] = {}
        self.names: list[str] = []
        starts = [0]
        # A file without a name: it goes with the mapping of it, however the process ends.
        with tempfile.TemporaryFile(prefix="nsynth-corpus-") as file:
            for name, blocks in recordings:
                start = file.tell()
                try:
                    for block in blocks:
                        if block is None:
                            file.seek(start)
                            file.truncate()
                            continue
                        file.write(np.ascontiguousarray(block, dtype="<i2").data)
                except AudioError as error:
                    file.seek(start)
                    file.truncate()
                    self.rejected[name] = f"{error.reason}: {error.detail}"
                    continue
                self.names.append(name)
                starts.append(file.tell() // 2)
            file.flush()
            self._samples: Samples = (
                np.memmap(file, dtype="<i2", mode="r")
                if starts[-1]
                else np.zeros(0, dtype=np.int16)
            )
        self.starts = np.array(starts, dtype=np.int64)
        roots = np.cumsum(np.sqrt(np.diff(self.starts)))
        self._shares = roots / roots[-1] if starts[-1] else roots

    @classmethod
    def from_folder(cls, folder: Path, sample_rate: int = SAMPLE_RATE) -> Corpus:
        """Read every recording below a folder, in the order of their names, at a sample rate."""
        files = sorted(p for p in folder.rglob("*") if p.is_file() and is_audio_name(p.name))
        recordings = (
            (str(file.relative_to(folder)), _mixed_blocks(file, sample_rate)) for file in files
        )
        return cls(recordings, sample_rate)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def seconds(self) -> float:
        """Length of all recordings together, in seconds."""
        return float(self.starts[-1]) / self.sample_rate

    @property
    def peak(self) -> float:
        """The largest sample of all recordings, 0 to 1; all of them are read."""
        blocks = range(0, len(self._samples), _BLOCK)
        # In 32 bits: the lowest sample of 16 has no opposite.
        largest = (
            int(np.abs(self._samples[at : at + _BLOCK].astype(np.int32)).max()) for at in blocks
        )
        return max(largest, default=0) / 32768

    @property
    def deviation(self) -> float:
        """The root of the mean square of all samples, 0 to 1; all of them are read."""
        blocks = range(0, len(self._samples), _BLOCK)
        power = sum(
            int(np.square(self._samples[at : at + _BLOCK].astype(np.int64)).sum()) for at in blocks
        )
        return float(np.sqrt(power / max(1, len(self._samples)))) / 32768

    @property
    def silent(self) -> bool:
        """Whether there is nothing but zeros."""
        blocks = range(0, len(self._samples), _BLOCK)
        return not any(self._samples[at : at + _BLOCK].any() for at in blocks)

    def recordings(self) -> Iterator[tuple[str, Samples]]:
        """Yield each recording's name and int16 samples."""
        for i, name in enumerate(self.names):
            yield name, self._samples[self.starts[i] : self.starts[i + 1]]

    def split(self, fraction: float) -> tuple[Corpus, Corpus]:
        """Hold out whole recordings, chosen by their names alone.

        Recordings of the same samples are copies of one: they go together, by the first's name.

        Parameters
        ----------
        fraction : float
            Which share of the recordings to hold out, 0 to 1.

        Returns
        -------
        The corpus to train on and the one held out.
        """
        limit = int(fraction * 2**32)
        first: dict[bytes, str] = {}
        held = set()
        for name, data in self.recordings():
            # Of the mapping itself: an hour of sound is not copied to be hashed.
            content = hashlib.sha1(data.data, usedforsecurity=False).digest()
            one = first.setdefault(content, name)
            if int.from_bytes(hashlib.sha256(one.encode()).digest()[:4], "big") < limit:
                held.add(name)
        rate, recordings = self.sample_rate, self.recordings
        return (
            Corpus(((name, [data]) for name, data in recordings() if name not in held), rate),
            Corpus(((name, [data]) for name, data in recordings() if name in held), rate),
        )

    def middles(self, length: int) -> Corpus:
        """Return the middle of each recording, up to `length` samples of it.

        Examples
        --------
        >>> import numpy as np
        >>> long, short = np.arange(9, dtype=np.int16), np.ones(2, np.int16)
        >>> middles = Corpus([("long", [long]), ("short", [short])]).middles(3)
        >>> [data.tolist() for _, data in middles.recordings()]
        [[3, 4, 5], [1, 1]]
        """
        middles = (
            (name, [data[max(0, (len(data) - length) // 2) :][:length]])
            for name, data in self.recordings()
        )
        return Corpus(middles, self.sample_rate)

    def piece(self, which: int, start: int, count: int) -> npt.NDArray[np.float32]:
        """Return up to `count` samples of a recording from `start` on, float32 in [-1, 1].

        Parameters
        ----------
        which : int
            The recording, as `names` has them.
        start, count : int
            In samples of the recording.
        """
        first, last = int(self.starts[which]) + start, int(self.starts[which + 1])
        return from_int16(self._samples[first : min(last, first + count)])

    def crops(
        self, step: int, batch: int, length: int, seed: int, augmentation: Augmentation
    ) -> npt.NDArray[np.float32]:
        """Draw the crops of one training step; the same step draws the same crops.

        Recordings are drawn by the root of their length, so that long ones do not drown the
        short, and one that is shorter than a crop is followed by silence.

        Parameters
        ----------
        step, batch, length, seed : int
            `length` in samples.
        augmentation : Augmentation

        Returns
        -------
        float32 [batch, length], in [-1, 1]
        """
        draw = generator(seed, step)
        out = np.zeros((batch, length), dtype=np.float32)
        for row in out:
            speed = 2.0 ** (draw.uniform(-1, 1) * augmentation.semitones / 12)
            wanted = max(1, round(length * speed))
            which = int(np.searchsorted(self._shares, draw.random(), side="right"))
            first, last = int(self.starts[which]), int(self.starts[which + 1])
            start = int(draw.integers(first, max(first, last - wanted) + 1))
            crop = from_int16(self._samples[start : min(last, start + wanted)])
            if wanted != length:
                crop = soxr.resample(crop, wanted, length, quality="MQ")[:length]
            gain = 10.0 ** (draw.uniform(*augmentation.gain_db) / 20)
            if augmentation.flip and draw.random() < 0.5:
                gain = -gain
            row[: len(crop)] = np.clip(crop * np.float32(gain), -1, 1)
        return out


def _mixed_blocks(file: Path, sample_rate: int) -> Iterator[Samples | None]:
    """Yield a recording's blocks as a store has them: what goes beyond full scale is lowered."""
    with open_recording(file) as reader:
        mix: Mix | None = Mix()
        while mix is not None:
            yield from map(to_int16, reader.mono_blocks(sample_rate, mix=mix))
            mix = reader.remix
            if mix is not None:
                yield None
