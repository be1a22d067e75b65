"""The sounds of a score's clips: checked, decoded once while they are in use, in bounded memory."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

import numpy as np

from sequencer.audio.plain_wav import plain_wav
from sequencer.audio.recording import open_recording
from sequencer.audio.samples import Samples, from_int16
from sequencer.errors import AudioError, SequencerError
from sequencer.files import digest_of, naming
from sequencer.rendering.spool import Spool
from sequencer.score.score import Score

# A longer clip (four minutes at 16 kHz) is decoded into the spool instead of into memory …
_MOST_HELD = 1 << 22
# … and this much is remembered in all, 64 MB.
_MOST_REMEMBERED = 1 << 24
# A file of up to this size, in bytes, is read at once.
_MOST_AT_ONCE = 1 << 22


class ClipSounds:
    """Reads any part of any clip of a score, mono at the score's rate.

    Parameters
    ----------
    score : Score
    folder : Path
        Where its clips are.
    spool : Spool
        Where a long clip is kept decoded.

    Attributes
    ----------
    digests : dict of str to str
        The sha256 of each clip that plays, as its file is now.

    Raises
    ------
    SequencerError
        A clip that is not the file that the score was made of.
    OSError
        What reading raised, with the file's name.
    """

    def __init__(self, score: Score, folder: Path, spool: Spool) -> None:
        self._score = score
        self._folder = folder
        self._spool = spool
        self._needed: dict[str, int] = {}
        for event in score.events:
            stop = event.offset + event.length
            self._needed[event.clip] = max(stop, self._needed.get(event.clip, 0))
        # All are looked at before any time is spent on one.
        self.digests = {clip: self._checked(clip) for clip in self._needed}
        self._held: OrderedDict[str, Samples] = OrderedDict()
        self._remembered = 0

    def read(self, clip: str, start: int, stop: int) -> Samples:
        """Return samples `start` to `stop` of a clip, float32 [stop - start].

        Raises
        ------
        SequencerError
            The clip cannot be read, ends too early, or changed since the rendering began.
        OSError
            What reading raised, with the file's name.
        """
        held = self._held.get(clip)
        if held is None:
            held = self._decoded(clip)
            if held is None:
                return self._spool.read(self._spool_name(clip), start, stop)
            self._remember(clip, held)
        else:
            self._held.move_to_end(clip)
        return held[start:stop]

    def _remember(self, clip: str, samples: Samples) -> None:
        self._held[clip] = samples
        self._remembered += len(samples)
        while self._remembered > _MOST_REMEMBERED and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self._remembered -= len(oldest)

    def _decoded(self, clip: str) -> Samples | None:
        """Decode as much of a clip as plays; None for a long one, which is then in the spool."""
        needed = self._needed[clip]
        if needed > _MOST_HELD:
            self._spool.keep(self._spool_name(clip), needed, lambda: self._blocks(clip))
            return None
        return np.concatenate(list(self._blocks(clip)))

    def _spool_name(self, clip: str) -> str:
        return f"clip-{self.digests[clip][:32]}-{self._score.sample_rate}-{self._needed[clip]}"

    def _blocks(self, clip: str) -> Iterator[Samples]:
        path = self._path(clip)
        rate, left = self._score.sample_rate, self._needed[clip]
        try:
            with naming(path), path.open("rb") as stream:
                for block in self._mono(clip, path, stream):
                    yield block[:left]
                    left -= len(block[:left])
                    if left == 0:
                        return
        except AudioError as error:
            raise SequencerError(f"{path}: {error}; compose again without it") from error
        stop = self._needed[clip]
        raise SequencerError(
            f"{path}: the score plays it up to {stop / rate:.4f} s, "
            f"but it ends at {(stop - left) / rate:.4f} s; compose again"
        )

    def _mono(self, clip: str, path: Path, stream: BufferedReader) -> Iterator[Samples]:
        short = os.fstat(stream.fileno()).st_size <= _MOST_AT_ONCE
        data = stream.read() if short else b""
        digest = hashlib.sha256(data) if short else hashlib.file_digest(stream, "sha256")
        if digest.hexdigest() != self.digests[clip]:
            raise SequencerError(f"{path} changed while it was played; render again")
        plain = plain_wav(data)
        if plain is not None and plain[0] == self._score.sample_rate:
            yield from_int16(plain[1])
            return
        with open_recording(stream) as recording:
            yield from recording.mono_blocks(self._score.sample_rate)

    def _path(self, clip: str) -> Path:
        return self._folder / self._score.clips[clip].file

    def _checked(self, clip: str) -> str:
        path = self._path(clip)
        if not path.exists():
            raise SequencerError(f"{path} is not there; --clips names the folder of the clips")
        found = digest_of(path)
        expected = self._score.clips[clip].sha256
        if expected and found != expected:
            raise SequencerError(
                f"{path}: not the file that the score was made of (its sha256 begins with "
                f"{found[:12]}, the score says {expected[:12]}); compose again, or remove "
                "'sha256' from this clip in the score to play what is there now"
            )
        return found
