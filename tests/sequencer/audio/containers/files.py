"""Sound files of every container, made in memory, and what can be wrong with them."""

from __future__ import annotations

import io
import struct
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import soundfile

from sequencer.audio.recording import open_recording
from sequencer.errors import AudioError
from tests.sequencer.sounds import tone

RATE = 16_000
# A rate that the container allows, where it is not 16 kHz.
RATES = {"WVE": 8_000, "XI": 44_100}
UNWRITABLE = {("AIFF", "DWVW_12"), ("WAV", "MPEG_LAYER_III")}
KINDS = [
    (kind, subtype)
    for kind in soundfile.available_formats()
    for subtype in soundfile.available_subtypes(kind)
    if kind not in {"RAW", "SD2"} and (kind, subtype) not in UNWRITABLE
    if kind != "MP3" or subtype == "MPEG_LAYER_III"
]
# These say nothing of their length, or libsndfile does not write it.
WITHOUT_LENGTH = {"IRCAM", "PAF", "PVF", "XI"}
# Two of these in a row cannot be told from one that is too long.
UNJOINABLE = {"HTK", "MPC2K", "SDS", "XI"}


@lru_cache(maxsize=256)
def sound_file(kind: str, subtype: str, seconds: float = 0.5) -> bytes:
    """Return a file of a tone."""
    out = io.BytesIO()
    sound = tone(seconds, 300.0)
    soundfile.write(out, sound, RATES.get(kind, RATE), format=kind, subtype=subtype)
    return out.getvalue()


def read(data: bytes) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Return the samples of a file at its own rate, and its notes."""
    with open_recording(io.BytesIO(data)) as reader:
        blocks = list(reader.mono_blocks(reader.sample_rate, refuse_silent=True))
        return np.concatenate([np.zeros(0, np.float32), *blocks]), list(reader.notes)


def outcome(data: bytes) -> str | npt.NDArray[np.float32]:
    """Return the samples of a file, or the reason why it is refused."""
    try:
        return read(data)[0]
    except AudioError as error:
        assert "\n" not in str(error)
        assert any(letter.isdigit() for letter in error.detail), error.detail
        return error.reason


def is_same(found: str | npt.NDArray[np.float32], data: bytes) -> bool:
    """Whether an outcome is the sound of another file."""
    return not isinstance(found, str) and np.array_equal(found, read(data)[0])


def chunk(name: bytes, body: bytes, size: int | None = None, *, pad: bool = True) -> bytes:
    """Return a chunk of a RIFF file; its size may lie."""
    head = name + struct.pack("<I", len(body) if size is None else size)
    return head + body + (b"\0" if pad and len(body) & 1 else b"")


def wave(*chunks: bytes, riff_size: int | None = None, magic: bytes = b"RIFF") -> bytes:
    """Return a RIFF file of some chunks."""
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def fmt(channels: int = 1, bits: int = 16, tag: int = 1, rate: int = RATE) -> bytes:
    """Return the chunk that names the format."""
    align = channels * bits // 8
    body = struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits)
    return chunk(b"fmt ", body)


def id3v2(size: int = 2048) -> bytes:
    """Return an empty ID3v2 tag."""
    return b"ID3\3\0\0" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + bytes(size)
