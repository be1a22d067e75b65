"""WAV and RF64 files with their chunks (EBU Tech 3285 and its supplements, Tech 3306).

libsndfile writes neither loudness nor cues through soundfile, so these files are written here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from sequencer.audio.loudness import Loudness
from sequencer.sound_files.marks import SOFTWARE
from sequencer.sound_files.tags import Cue, Tags

# Where the sizes in a RIFF header, which have 32 bits, come to their end.
RIFF_LIMIT = 0xFFFFFFFF
# Chunks beside the samples are far smaller than this.
CHUNKS_ROOM = 1 << 20

_INT, _FLOAT = 1, 3
_UNKNOWN = 0x7FFF
_BEXT = struct.Struct("<256s32s32s10s8sIIH64s5h180s")


class WavFile:
    """A file in the writing, of a length that is known before.

    Parameters
    ----------
    stream : BinaryIO
        Seekable, at its beginning.
    sample_rate, channels : int
    bits : int
        16, 24 or 32, which is float.
    frames : int
        How many will be written.
    large : bool
        Whether it is an RF64 file, whose sizes have 64 bits.
    tags : Tags
    cues : sequence of Cue
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        sample_rate: int,
        channels: int,
        bits: int,
        frames: int,
        large: bool,
        tags: Tags,
        cues: Sequence[Cue] = (),
    ) -> None:
        self._stream = stream
        self._format = (sample_rate, channels, bits)
        self._bits = bits
        self._frames = frames
        self._size = frames * channels * bits // 8
        self._large = large
        self._tags = tags
        self._after = _cue_chunks([cue for cue in cues if cue.position <= RIFF_LIMIT])
        stream.write(self._head(None, None))

    def write(self, samples: npt.NDArray[np.generic]) -> None:
        """Take the next frames [n, channels]: int32 that hold so many bits, or float32."""
        if self._bits == 24:
            wide = np.ascontiguousarray(samples, "<i4")
            narrow = wide.view(np.uint8).reshape(-1, 4)[:, :3]
            self._stream.write(np.ascontiguousarray(narrow).data.cast("B"))
        else:
            kind = "<i2" if self._bits == 16 else "<f4"
            self._stream.write(np.ascontiguousarray(samples, kind).data.cast("B"))

    def finish(self, loudness: Loudness | None, true_peak: float | None) -> None:
        """Write what follows the samples, and what was measured of them into the header."""
        self._stream.write(b"\0" * (self._size % 2) + self._after)
        self._stream.seek(0)
        self._stream.write(self._head(loudness, true_peak))

    def _head(self, loudness: Loudness | None, true_peak: float | None) -> bytes:
        rate, channels, bits = self._format
        width = channels * bits // 8
        kind = _FLOAT if bits == 32 else _INT
        chunks = _bext(self._tags, self._format, loudness, true_peak)
        chunks += _chunk(
            b"fmt ", struct.pack("<HHIIHH", kind, channels, rate, rate * width, width, bits)
        )
        if kind == _FLOAT:
            chunks += _chunk(b"fact", struct.pack("<I", min(self._frames, RIFF_LIMIT)))
        chunks += _info(self._tags)
        padded = self._size + self._size % 2
        body = 4 + len(chunks) + 8 + padded + len(self._after)
        if not self._large:
            data = struct.pack("<4sI", b"data", self._size)
            return struct.pack("<4sI4s", b"RIFF", body, b"WAVE") + chunks + data
        sizes = struct.pack("<QQQI", body + 36, self._size, self._frames, 0)
        data = struct.pack("<4sI", b"data", RIFF_LIMIT)
        head = struct.pack("<4sI4s", b"RF64", RIFF_LIMIT, b"WAVE")
        return head + _chunk(b"ds64", sizes) + chunks + data


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _info(tags: Tags) -> bytes:
    fields = {
        b"INAM": tags.title,
        b"IART": tags.artist,
        b"ICOP": tags.licence,
        b"ICMT": tags.comment,
        b"ISFT": SOFTWARE,
    }
    entries = b"".join(_chunk(name, _text(text)) for name, text in fields.items() if text)
    return _chunk(b"LIST", b"INFO" + entries)


def _bext(
    tags: Tags,
    form: tuple[int, int, int],
    loudness: Loudness | None,
    true_peak: float | None,
) -> bytes:
    """Make the broadcast chunk, version 2; without a date, so that the same piece is the same."""
    found = loudness or Loudness(None, None, None, None)
    measured = (
        *(found.integrated, found.range, true_peak),
        *(found.momentary, found.short_term),
    )
    rate, channels, bits = form
    history = f"A=PCM,F={rate},W={bits},M={'stereo' if channels == 2 else 'mono'}\r\n"
    fixed = _BEXT.pack(
        f"{tags.title}; {tags.licence}".encode("ascii", "replace")[:256],
        SOFTWARE.encode(),
        *(b"", b"", b"", 0, 0, 2, b""),
        *(_hundredths(value) for value in measured),
        b"",
    )
    # Of even length: libsndfile's reader of RF64 passes over no odd byte here.
    return _chunk(b"bext", fixed + history.encode() + b"\0" * (len(history) % 2))


def _hundredths(value: float | None) -> int:
    if value is None:
        return _UNKNOWN
    return max(-_UNKNOWN, min(_UNKNOWN - 1, round(value * 100)))


def _cue_chunks(cues: Sequence[Cue]) -> bytes:
    if not cues:
        return b""
    points = b"".join(
        struct.pack("<II4sIII", number, cue.position, b"data", 0, 0, cue.position)
        for number, cue in enumerate(cues, 1)
    )
    labels = b"".join(
        _chunk(b"labl", struct.pack("<I", number) + _text(cue.label))
        for number, cue in enumerate(cues, 1)
    )
    counted = struct.pack("<I", len(cues)) + points
    return _chunk(b"cue ", counted) + _chunk(b"LIST", b"adtl" + labels)
