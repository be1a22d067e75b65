"""What stands in a file beside its sound: tags, padding, and other files joined to it."""

from __future__ import annotations

from sequencer.audio.containers.view import Source

_ID3V1_BYTES = 128
_APE_BYTES = 32
# A multiple of every period.
_CONSTANT_BLOCK = 12 << 12
_LEAST_CONSTANT = 32


def id3v2_size(head: bytes) -> int:
    """Return the bytes of the ID3v2 tag that some bytes begin with, 0 where none does."""
    if len(head) < 10 or head[:3] != b"ID3" or head[3] == 0xFF or max(head[6:10]) > 0x7F:
        return 0
    body = sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    footer = 10 if head[5] & 0x10 else 0
    return 10 + body + footer


def after_tags(source: Source, at: int) -> int:
    """Return the position behind the ID3v2 tags that stand at `at`."""
    while size := id3v2_size(source.read(at, 10)):
        at += size
    return min(at, source.size)


def before_tags(source: Source, start: int, stop: int) -> int:
    """Return where the tags begin that a file ends with: ID3v1, APE, Lyrics3, ID3v2 at the end."""
    while True:
        size = _tag_before(source, stop)
        if not size or stop - size < start:
            return stop
        stop -= size


def _tag_before(source: Source, stop: int) -> int:
    if stop >= _ID3V1_BYTES and source.read(stop - _ID3V1_BYTES, 3) == b"TAG":
        return _ID3V1_BYTES
    foot = source.read(max(0, stop - _APE_BYTES), min(stop, _APE_BYTES))
    if len(foot) == _APE_BYTES and foot[:8] == b"APETAGEX":
        has_header = foot[23] & 0x80
        return int.from_bytes(foot[12:16], "little") + (_APE_BYTES if has_header else 0)
    if foot[-9:] == b"LYRICS200" and foot[-15:-9].isdigit():
        return int(foot[-15:-9]) + 15
    if foot[-10:-7] == b"3DI":
        return id3v2_size(b"ID3" + foot[-7:]) + (0 if foot[-5] & 0x10 else 10)
    return 0


def tag_at(source: Source, at: int) -> int:
    """Return the size of the tag of any kind that begins at a position, 0 where none does."""
    head = source.read(at, 32)
    if size := id3v2_size(head):
        return size
    if head[:8] == b"APETAGEX" and len(head) == _APE_BYTES:
        return int.from_bytes(head[12:16], "little") + (_APE_BYTES if head[23] & 0x20 else 0)
    if head[:3] == b"TAG" and source.size - at >= _ID3V1_BYTES:
        return _ID3V1_BYTES
    return 0


def is_constant(source: Source, start: int, stop: int) -> bool:
    """Whether a range of a file repeats one value of 1 to 4 bytes throughout.

    A short range tells nothing unless it is zero, as padding is.
    """
    head = source.read(start, min(12, stop - start))
    if stop - start < _LEAST_CONSTANT:
        return not any(source.read(start, stop - start))
    return any(
        head == (head[:period] * 12)[: len(head)] and _repeats(source, start, stop, head[:period])
        for period in (1, 2, 3, 4)
    )


def _repeats(source: Source, start: int, stop: int, unit: bytes) -> bool:
    whole = unit * (_CONSTANT_BLOCK // len(unit))
    for at in range(start, stop, _CONSTANT_BLOCK):
        block = source.read(at, min(_CONSTANT_BLOCK, stop - at))
        if block != whole[: len(block)]:
            return False
    return True
