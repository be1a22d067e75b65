"""Bare MPEG audio: MP3, and layers I and II, frame by frame."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from sequencer.audio.containers import filler
from sequencer.audio.containers.view import Found, Part, Source
from sequencer.errors import AudioError

# Encoders differ in whether they count the frame that holds the count.
SLACK_FRAMES = 2
# libsndfile 1.2.2 takes some bare streams for Sound Designer files and divides by zero; behind a
# tag that is not empty it takes all of them for what they are.
_MARK = b"ID3\3\0\0\0\0\0\x10" + bytes(16)
_SEARCHED = 1 << 16
_SYNC = re.compile(rb"\xff[\xe2-\xff]")
_BLOCK = 1 << 20
_LONGEST = 1 << 13
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KILOBITS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@dataclass(frozen=True)
class Frame:
    """What the four bytes of a frame's header say.

    Attributes
    ----------
    length : int
        Bytes of the frame.
    key : tuple of int
        Version, layer, rate and whether it is mono: what stays so in a stream.
    tag_at : int
        Where in the frame a count of frames stands, if one does.
    """

    length: int
    key: tuple[int, int, int, bool]
    tag_at: int


@lru_cache(maxsize=4096)
def parse_frame(head: bytes) -> Frame | None:
    """Return what 4 bytes say, None where they are no header of a frame of known length."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bits, rate_index, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or bits in (0, 15) or rate_index == 3 or head[3] & 3 == 2:
        return None
    rate = _RATES[version][rate_index]
    bit_rate = 1000 * _KILOBITS[1 if version == 3 else 2, layer][bits - 1]
    if layer == 1:
        length = (12 * bit_rate // rate + padding) * 4
    else:
        slots = 72 if layer == 3 and version != 3 else 144
        length = slots * bit_rate // rate + padding
    mono = head[3] >> 6 == 3
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    return Frame(length, (version, layer, rate, mono), 4 + side)


@dataclass
class _Stream:
    """Frames that a decoder can read in one go."""

    key: tuple[int, int, int, bool]
    declared: int | None = None
    header: tuple[int, int] | None = None
    frames: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)

    def add(self, start: int, stop: int) -> None:
        if self.ranges and self.ranges[-1][1] == start:
            self.ranges[-1] = self.ranges[-1][0], stop
        else:
            self.ranges.append((start, stop))
        self.frames += 1


def first_frame(source: Source, at: int, stop: int, longest: int = _SEARCHED) -> int | None:
    """Return where the first two frames begin that follow each other, None where none do."""
    head = source.read(at, min(stop - at, longest + _LONGEST))
    for match in _SYNC.finditer(head):
        place = match.start()
        if place > longest:
            return None
        frame = parse_frame(head[place : place + 4])
        if frame is None:
            continue
        after = place + frame.length
        following = parse_frame(head[after : after + 4])
        if following is not None and following.key == frame.key:
            return at + place
        # One frame alone, to the end of the file or to a tag there.
        end = filler.before_tags(source, at, stop) if after >= len(head) - 1 else -1
        if at + after == end or (after < len(head) and filler.tag_at(source, at + after)):
            return at + place
    return None


class _Walk:
    """A walk over the frames of a range of a file."""

    def __init__(self, source: Source, at: int, stop: int, is_sound: Callable[[int], bool]) -> None:
        self._source = source
        self._is_sound = is_sound
        self._stop = stop
        self._at = at
        self.streams: list[_Stream] = []
        self.skipped = 0
        self.cut = 0
        self.other: int | None = None

    def run(self) -> None:
        while self._at < self._stop:
            block = self._source.read(self._at, min(_BLOCK, self._stop - self._at))
            if not block:
                return
            self._frames(block)

    def _frames(self, block: bytes) -> None:
        """Take the frames of a block, and go on at least one byte."""
        begun = self._at
        is_last = begun + len(block) >= self._stop
        at = 0
        while True:
            frame = parse_frame(block[at : at + 4])
            if frame is None:
                break
            after = at + frame.length
            if after > len(block):
                if is_last:
                    self.cut = len(block) - at
                    self._at = self._stop
                    return
                break
            self._take(frame, begun + at, block[at:after])
            at = after
        self._at = begun + at
        more_to_come = len(block) - at < 4 and not is_last
        if not more_to_come and parse_frame(block[at : at + 4]) is None:
            self._skip()

    def _take(self, frame: Frame, start: int, content: bytes) -> None:
        count = _declared_frames(frame, content)
        stream = self.streams[-1] if self.streams else None
        if count is not None or stream is None or stream.key != frame.key:
            stream = _Stream(frame.key)
            self.streams.append(stream)
            if count is not None:
                stream.declared = count
                stream.header = start, start + len(content)
                return
        stream.add(start, start + len(content))

    def _skip(self) -> None:
        """Go on behind a tag, or where frames begin again."""
        if self._at >= self._stop or len(self._source.read(self._at, 4)) == 0:
            return
        if size := filler.tag_at(self._source, self._at):
            self._at = min(self._stop, self._at + size)
            return
        if self._is_sound(self._at):
            self.other, self._at = self._at, self._stop
            return
        left = self._stop - self._at
        again = first_frame(self._source, self._at + 1, self._stop, min(left, _BLOCK))
        before = self._at
        if again is not None:
            self._at = again
        else:
            self._at = min(self._stop, self._at + _BLOCK)
        self.skipped += self._at - before


def _declared_frames(frame: Frame, content: bytes) -> int | None:
    """Return the count of frames that a frame of no sound holds: 0 where it leaves it open."""
    if content[36:40] == b"VBRI" and len(content) >= 54:
        return int.from_bytes(content[50:54], "big")
    for at in (frame.tag_at, frame.tag_at + 2):
        if content[at : at + 4] in (b"Xing", b"Info") and len(content) >= at + 12:
            has_count = content[at + 7] & 1
            return int.from_bytes(content[at + 8 : at + 12], "big") if has_count else 0
    return None


def _never(_: int) -> bool:
    """Stand in where no other file may follow."""
    return False


def find_mpeg(
    source: Source,
    at: int,
    stop: int | None = None,
    is_sound: Callable[[int], bool] = _never,
) -> Found:
    """Read every frame of MPEG audio from `at` on, joined streams too.

    Raises
    ------
    AudioError
        ``truncated`` where fewer frames are there than the stream declares, ``empty`` where none
        is.
    """
    stop = source.size if stop is None else stop
    walk = _Walk(source, at, filler.before_tags(source, at, stop), is_sound)
    walk.run()
    stop = walk.other if walk.other is not None else stop
    notes: list[str] = []
    parts = [
        _part(stream, source, notes, bool(walk.cut) and stream is walk.streams[-1])
        for stream in walk.streams
        if stream.frames or stream.declared
    ]
    if not parts:
        raise AudioError("empty", f"0 frames of MPEG audio are in {stop - at:,} bytes")
    if walk.skipped:
        notes.append(f"{walk.skipped:,} bytes between or behind the MPEG frames are left out")
    if walk.cut:
        notes.append(f"the last MPEG frame is cut after {walk.cut:,} bytes and left out")
    return Found(tuple(parts), stop, tuple(notes))


def _part(stream: _Stream, source: Source, notes: list[str], is_cut: bool) -> Part:
    declared, frames = stream.declared, stream.frames
    if stream.header is None or declared is None:
        return Part((_MARK, *stream.ranges), endless=True, is_mpeg=True)
    if frames + (0 if is_cut else SLACK_FRAMES) < declared:
        raise AudioError(
            "truncated",
            f"the MP3 header declares {declared:,} frames, {frames:,} are in the "
            f"{source.size:,} bytes",
        )
    # Some encoders count the frame that holds the count.
    if declared not in (0, frames, frames + 1):
        notes.append(
            f"the MP3 header declares {declared:,} frames; all {frames:,} that are there are read"
        )
    header = source.read(stream.header[0], stream.header[1] - stream.header[0])
    counted = _with_count(header, frames)
    if counted is None:
        return Part((_MARK, *stream.ranges), endless=True, is_mpeg=True)
    return Part((_MARK, counted, *stream.ranges), is_mpeg=True)


def _with_count(header: bytes, frames: int) -> bytes | None:
    """Return a frame that holds a count with another one; None where it holds none."""
    at = max(header.find(b"Xing", 0, 64), header.find(b"Info", 0, 64))
    if at >= 0 and header[at + 7] & 1:
        return header[: at + 8] + frames.to_bytes(4, "big") + header[at + 12 :]
    if header[36:40] == b"VBRI":
        return header[:50] + frames.to_bytes(4, "big") + header[54:]
    return None


def free_format(source: Source, at: int) -> Found | None:
    """Return a stream of frames whose headers leave their length open; None where none begins."""
    if not _is_free_format(source.read(at, 4)):
        return None
    stop = filler.before_tags(source, at, source.size)
    return Found((Part((_MARK, (at, stop)), endless=True, is_mpeg=True),), stop)


def _is_free_format(head: bytes) -> bool:
    """Whether a stream begins with a frame whose header leaves its length open."""
    as_if = head[:2] + bytes([head[2] & 0x0F | 0x10]) + head[3:4] if len(head) >= 4 else b""
    return len(head) >= 4 and head[2] >> 4 == 0 and parse_frame(as_if) is not None
