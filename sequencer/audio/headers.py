"""What a file's header promises, against what the file holds.

libsndfile opens a cut file cleanly: it lowers the declared length to what is there and says
nothing. So the headers of the containers that declare a length are read here, before decoding,
and compared with the size of the stream.

Three lengths mean "the writer could not know", as programs leave them that write to a pipe:
0xFFFFFFFF (ffmpeg), 0x7FFFF000 (SoX) and, in AU and CAF, all bits set. Such files are taken as
they are, to their end.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from sequencer.errors import AudioError

_PIPED_LENGTHS = frozenset({0xFFFFFFFF, 0x7FFFF000})
_MAX_CHUNKS = 10_000
# A FLAC frame holds at most 65,535 samples of one channel in no fewer than about 8 bytes.
_FLAC_FRAMES_PER_BYTE = 8192
# Less than a hundredth of what is declared: not a cut transfer but a header that is wrong.
_ABSURD = 100


@dataclass(frozen=True)
class Declared:
    """What the header of a container says.

    Attributes
    ----------
    container : str
        Its name, for messages.
    size : int or None
        Bytes of samples the header declares; None where the writer could not know.
    available : int
        Bytes from the start of the samples to the end of the stream.
    sample_rate, channels : int or None
        As declared, where this container's header was read that far.
    byte_rate : int
        Bytes of samples a second, 0 where unknown.
    """

    container: str
    size: int | None
    available: int
    sample_rate: int | None = None
    channels: int | None = None
    byte_rate: int = 0


def check_header(stream: BinaryIO) -> None:
    """Refuse a stream whose header promises what the stream does not hold.

    Parameters
    ----------
    stream : BinaryIO
        A seekable stream; its position is left anywhere.

    Raises
    ------
    AudioError
        ``empty``, ``truncated``, ``absurd-header``, ``sample-rate`` or ``no-channels``. A stream
        that starts like no known container passes: the decoder decides about it.
    OSError
        What the stream raised.
    """
    total = stream.seek(0, os.SEEK_END)
    if total == 0:
        raise AudioError("empty", "the file holds 0 bytes")
    magic = _read_at(stream, 0, 16)
    if magic[:4] == b"OggS":
        _check_ogg(stream, total)
    elif magic[:4] == b"fLaC":
        _check_flac(stream, total)
    else:
        declared = _declared(stream, magic, total)
        if declared is not None:
            _compare(declared, total)


def declared_mp3_frames(stream: BinaryIO) -> bool:
    """Whether an MP3 stream states its length (a Xing or Info header with a frame count).

    Without one the decoder's length is an estimate from the bit rate, and falling short of an
    estimate proves nothing.
    """
    head = _read_at(stream, 0, 10)
    start = 0
    if head[:3] == b"ID3" and len(head) == 10:
        start = 10 + sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)
        )
    frame = _read_at(stream, start, 512)
    for tag in (b"Xing", b"Info"):
        at = frame.find(tag)
        if 0 <= at <= len(frame) - 8:
            return bool(struct.unpack_from(">I", frame, at + 4)[0] & 1)
    return False


def _read_at(stream: BinaryIO, position: int, size: int) -> bytes:
    stream.seek(position)
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _declared(stream: BinaryIO, magic: bytes, total: int) -> Declared | None:
    if magic[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and magic[8:12] == b"WAVE":
        return _riff(stream, magic, total)
    if magic[:4] == b"FORM" and magic[8:12] in (b"AIFF", b"AIFC"):
        return _aiff(stream, total)
    if magic[:4] in (b".snd", b"dns."):
        return _au(stream, magic, total)
    if magic == _W64_RIFF:
        return _w64(stream, total)
    if magic[:4] == b"caff":
        return _caf(stream, total)
    return None


def _compare(declared: Declared, total: int) -> None:
    if declared.sample_rate == 0:
        raise AudioError("sample-rate", f"the {declared.container} header gives a rate of 0 Hz")
    if declared.channels == 0:
        raise AudioError("no-channels", f"the {declared.container} header gives 0 channels")
    if declared.size is None:
        return
    there = declared.available
    promise = f"{declared.size:,} bytes of samples{_duration(declared)}"
    if declared.size > 0 and there == 0:
        raise AudioError(
            "empty", f"the {declared.container} header declares {promise}, and none follow it"
        )
    if declared.size > there * _ABSURD:
        raise AudioError(
            "absurd-header",
            f"the {declared.container} header declares {promise}, but the whole file has "
            f"{total:,} bytes, {there:,} of them samples",
        )
    if declared.size > there:
        raise AudioError(
            "truncated",
            f"the {declared.container} header declares {promise}, {there:,} came",
        )


def _duration(declared: Declared) -> str:
    if not declared.byte_rate or declared.size is None:
        return ""
    seconds = declared.size // declared.byte_rate
    return f" ({seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d})"


def _cut_header(container: str, total: int) -> AudioError:
    return AudioError(
        "truncated", f"the file ends after {total:,} bytes, inside its {container} header"
    )


def _riff(stream: BinaryIO, magic: bytes, total: int) -> Declared | None:
    order = ">" if magic[:4] == b"RIFX" else "<"
    rate = channels = data_size_64 = None
    byte_rate = 0
    position = 12
    for _ in range(_MAX_CHUNKS):
        head = _read_at(stream, position, 8)
        if len(head) < 8:
            raise _cut_header("WAV", total)
        name, size = head[:4], struct.unpack(order + "I", head[4:])[0]
        if name == b"data":
            declared: int | None = size
            if size == 0xFFFFFFFF and data_size_64 is not None:
                declared = data_size_64
            elif size in _PIPED_LENGTHS:
                declared = None
            available = total - position - 8
            if declared == 0 and available > 0 and rate is not None:
                _refuse_unfinished(stream, position + 8, available)
            return Declared("WAV", declared, available, rate, channels, byte_rate)
        body = _read_at(stream, position + 8, 16)
        if name == b"fmt " and len(body) == 16:
            _, channels, rate, byte_rate = struct.unpack_from(order + "HHII", body)
        elif name == b"ds64" and len(body) == 16:
            data_size_64 = struct.unpack_from(order + "Q", body, 8)[0]
        position += 8 + size + (size & 1)
    return None


def _refuse_unfinished(stream: BinaryIO, position: int, available: int) -> None:
    """Refuse a length of 0 before bytes that are no chunk: the writer never came back to it."""
    name = _read_at(stream, position, 4)
    if not (len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)):
        raise AudioError(
            "truncated",
            f"the WAV header declares 0 bytes of samples, but {available:,} bytes follow: "
            "its writer was interrupted",
        )


def _aiff(stream: BinaryIO, total: int) -> Declared | None:
    channels = None
    position = 12
    for _ in range(_MAX_CHUNKS):
        head = _read_at(stream, position, 8)
        if len(head) < 8:
            raise _cut_header("AIFF", total)
        name, size = head[:4], struct.unpack(">I", head[4:])[0]
        if name == b"SSND":
            declared = None if size in _PIPED_LENGTHS else max(0, size - 8)
            return Declared("AIFF", declared, max(0, total - position - 16), None, channels)
        if name == b"COMM":
            body = _read_at(stream, position + 8, 2)
            if len(body) == 2:
                channels = struct.unpack(">H", body)[0]
        position += 8 + size + (size & 1)
    return None


def _au(stream: BinaryIO, magic: bytes, total: int) -> Declared:
    order = ">" if magic[:4] == b".snd" else "<"
    head = _read_at(stream, 0, 24)
    if len(head) < 24:
        raise _cut_header("AU", total)
    offset, size, _, rate, channels = struct.unpack_from(order + "5I", head, 4)
    declared = None if size in _PIPED_LENGTHS else size
    return Declared("AU", declared, max(0, total - offset), rate, channels)


_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


def _w64(stream: BinaryIO, total: int) -> Declared | None:
    rate = channels = None
    byte_rate = 0
    position = 40
    for _ in range(_MAX_CHUNKS):
        head = _read_at(stream, position, 24)
        if len(head) < 24:
            raise _cut_header("W64", total)
        name, size = head[:4], struct.unpack("<Q", head[16:])[0]
        if name == b"data":
            return Declared(
                "W64", max(0, size - 24), total - position - 24, rate, channels, byte_rate
            )
        body = _read_at(stream, position + 24, 16)
        if name == b"fmt " and len(body) == 16:
            _, channels, rate, byte_rate = struct.unpack_from("<HHII", body)
        position += max(24, (size + 7) // 8 * 8)
    return None


def _caf(stream: BinaryIO, total: int) -> Declared | None:
    position = 8
    for _ in range(_MAX_CHUNKS):
        head = _read_at(stream, position, 12)
        if len(head) < 12:
            raise _cut_header("CAF", total)
        name, size = head[:4], struct.unpack(">q", head[4:])[0]
        if name == b"data":
            # The chunk begins with an edit count of 4 bytes.
            declared = None if size < 0 else max(0, size - 4)
            return Declared("CAF", declared, max(0, total - position - 16))
        position += 12 + max(0, size)
    return None


def _check_flac(stream: BinaryIO, total: int) -> None:
    info = _read_at(stream, 8, 34)
    if len(info) < 34:
        raise _cut_header("FLAC", total)
    packed = int.from_bytes(info[10:18], "big")
    rate, frames = packed >> 44, packed & 0xFFFFFFFFF
    if rate == 0:
        raise AudioError("sample-rate", "the FLAC header gives a rate of 0 Hz")
    if frames > total * _FLAC_FRAMES_PER_BYTE:
        raise AudioError(
            "absurd-header",
            f"the FLAC header declares {frames:,} frames ({frames // rate:,} s), which "
            f"{total:,} bytes cannot hold",
        )


def _check_ogg(stream: BinaryIO, total: int) -> None:
    """Look at the last page: it must be whole and marked as the last (RFC 3533, section 6)."""
    start = max(0, total - 2 * 65_307)
    tail = _read_at(stream, start, total - start)
    at = len(tail)
    while (at := tail.rfind(b"OggS", 0, at)) >= 0:
        page = tail[at:]
        if len(page) > 4 and page[4] != 0:
            # Not a page: the four letters stood among the samples.
            continue
        whole = len(page) >= 27 and len(page) >= 27 + page[26]
        length = 27 + page[26] + sum(page[27 : 27 + page[26]]) if whole else 0
        if not whole or length > len(page):
            raise AudioError(
                "truncated", f"the file ends after {total:,} bytes, inside an Ogg page"
            )
        if not page[5] & 0x04:
            raise AudioError(
                "truncated",
                f"the file ends after {total:,} bytes without the page that ends an Ogg stream",
            )
        return
