"""FLAC: metadata, and frames that are numbered and summed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sequencer.audio.containers import filler
from sequencer.audio.containers.view import Found, Part, Source
from sequencer.errors import AudioError

# A FLAC frame holds at most 65,535 samples of one channel in no fewer than about 8 bytes.
_FRAMES_PER_BYTE = 8192
_BLOCK_SIZES = (0, 192, 576, 1152, 2304, 4608, 0, 0, *(256 << n for n in range(8)))
_TAIL = 1 << 20
# How other files begin, long enough not to stand in compressed sound by chance.
_MAGICS = (
    b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22", b"OggS\x00\x02", b"RIFF", b"FORM",
    b"caff\x00\x01\x00\x00",
)  # fmt: skip
_SYNC = re.compile(rb"\xff[\xf8\xf9]")


@dataclass(frozen=True)
class _Info:
    block: int
    rate: int
    channels: int
    bits: int
    frames: int


def find_flac(source: Source, at: int, is_sound: Callable[[int], bool]) -> Found:
    """Read the layout of a FLAC file that begins at `at`.

    The last frame that is whole shows how many samples the file has; it is compared with what the
    header declares.

    Raises
    ------
    AudioError
        ``truncated``, ``absurd-header`` or ``sample-rate``.
    """
    info, audio = _metadata(source, at)
    following = _following(source, audio, is_sound)
    stop = filler.before_tags(source, audio, source.size) if following is None else following
    notes: list[str] = []
    part = _part(source, at, audio, stop, info, notes)
    return Found((part,), source.size if following is None else following, tuple(notes))


def _following(source: Source, audio: int, is_sound: Callable[[int], bool]) -> int | None:
    """Return where another file is joined behind the frames: no field holds where they end."""
    found = []
    for magic in _MAGICS:
        place = source.find(magic, audio, source.size)
        while place >= 0 and not is_sound(place):
            place = source.find(magic, place + 1, source.size)
        if place >= 0:
            found.append(place)
    return min(found, default=None)


def _metadata(source: Source, at: int) -> tuple[_Info, int]:
    """Return the content of the first block, and where the frames begin."""
    info = source.read(at + 8, 34)
    if len(info) < 34 or source.read(at + 4, 1)[0] & 0x7F:
        raise AudioError(
            "truncated", f"the file ends after {source.size:,} bytes, inside its FLAC header"
        )
    packed = int.from_bytes(info[10:18], "big")
    rate, frames = packed >> 44, packed & 0xFFFFFFFFF
    if rate == 0:
        raise AudioError("sample-rate", "the FLAC header gives a rate of 0 Hz")
    place = at + 4
    while True:
        head = source.read(place, 4)
        if len(head) < 4:
            raise AudioError(
                "truncated", f"the file ends after {source.size:,} bytes, inside its FLAC header"
            )
        place += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            break
    block = int.from_bytes(info[0:2], "big")
    return _Info(block, rate, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1, frames), place


def _part(source: Source, at: int, audio: int, stop: int, info: _Info, notes: list[str]) -> Part:
    size = stop - at
    if info.frames > size * _FRAMES_PER_BYTE:
        raise AudioError(
            "absurd-header",
            f"the FLAC header declares {info.frames:,} frames ({info.frames // info.rate:,} s), "
            f"which {size:,} bytes cannot hold",
        )
    last = _last_frame(source, audio, stop, info)
    held, is_end = last or (None, False)
    if not is_end:
        notes.append(f"the last of {stop - audio:,} bytes of FLAC frames are none, or damaged")
    if held is None or info.frames in (0, held):
        if info.frames == 0:
            notes.append("the FLAC header leaves its length open; it is read to its end")
        return Part(((at, stop),))
    if held < info.frames:
        raise AudioError(
            "truncated", f"the FLAC header declares {info.frames:,} frames, {held:,} are there"
        )
    notes.append(
        f"the FLAC header declares {info.frames:,} frames; all {held:,} that are there are read"
    )
    fields = bytearray(source.read(at, 42))
    packed = int.from_bytes(fields[18:26], "big") & ~0xFFFFFFFFF | held
    fields[18:26] = packed.to_bytes(8, "big")
    return Part((bytes(fields), (at + 42, stop)))


def _last_frame(source: Source, audio: int, stop: int, info: _Info) -> tuple[int, bool] | None:
    """Return the samples of a channel up to the last frame that follows on another.

    Also whether that frame ends where the file does, by its sum; None where no frame is found.
    """
    first = max(audio, stop - _TAIL)
    tail = source.read(first, stop - first)
    ends: set[int] = {0}
    last = None
    for match in _SYNC.finditer(tail):
        span = _frame_span(tail[match.start() : match.start() + 16], info)
        if span is not None:
            # What looks like a header by chance follows on no other frame.
            last = (span[1], match.start()) if span[0] in ends else last
            ends.add(span[1])
    return last and (last[0], _crc16(tail[last[1] :]) == 0)


def _frame_span(head: bytes, info: _Info) -> tuple[int, int] | None:
    """Return the first sample of a frame and the one behind it, None where no frame begins."""
    if len(head) < 16 or head[1] & 0xFE != 0xF8 or head[3] & 1 or head[3] >> 4 > 10:
        return None
    number, at = _utf8_number(head)
    if at == 0:
        return None
    code = head[2] >> 4
    if code in (6, 7):
        width = code - 5
        size = int.from_bytes(head[at : at + width], "big") + 1
        at += width
    else:
        size = _BLOCK_SIZES[code]
    at += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if size == 0 or at >= len(head) or _crc8(head[:at]) != head[at]:
        return None
    start = number if head[1] & 1 else number * info.block
    return start, start + size


def _utf8_number(head: bytes) -> tuple[int, int]:
    """Return the number that a frame's header counts with and where it ends; 0, 0 for none."""
    lead = head[4]
    if lead < 0x80:
        return lead, 5
    length = 8 - (~lead & 0xFF).bit_length()
    if not 2 <= length <= 7:
        return 0, 0
    more = head[5 : 4 + length]
    if any(byte & 0xC0 != 0x80 for byte in more):
        return 0, 0
    number = lead & (0x7F >> length)
    for byte in more:
        number = number << 6 | byte & 0x3F
    return number, 4 + length


def _crc_table(polynomial: int, bits: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        found = byte << bits - 8
        for _ in range(8):
            found = found << 1 ^ (polynomial if found >> bits - 1 else 0)
            found &= (1 << bits) - 1
        table.append(found)
    return tuple(table)


_CRC8 = _crc_table(0x07, 8)
_CRC16 = _crc_table(0x8005, 16)


def _crc8(data: bytes) -> int:
    found = 0
    for byte in data:
        found = _CRC8[found ^ byte]
    return found


def _crc16(data: bytes) -> int:
    """Return the sum of a frame, 0 where its own sum is the end of it."""
    found = 0
    for byte in data:
        found = (found & 0xFF) << 8 ^ _CRC16[found >> 8 ^ byte]
    return found
