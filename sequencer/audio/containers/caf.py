"""Apple's Core Audio Format."""

from __future__ import annotations

import struct
from collections.abc import Callable

from sequencer.audio.containers.chunks import Grammar, Outer, walk
from sequencer.audio.containers.view import Found, Part, Source
from sequencer.errors import AudioError

_KNOWN = frozenset(
    b"desc|data|pakt|chan|kuki|info|strg|mark|regn|inst|midi|ovvw|peak|umid|edct|free|uuid".split(
        b"|"
    )
)
_KEPT = frozenset({b"desc", b"pakt", b"kuki", b"chan"})
_LINEAR = frozenset({b"lpcm", b"ulaw", b"alaw"})


def find_caf(source: Source, at: int, is_sound: Callable[[int], bool]) -> Found:
    """Read the layout of a CAF file that begins at `at`.

    Raises
    ------
    AudioError
        ``truncated``, ``no-channels``, ``sample-rate``, ``wrong-length``, ``absurd-header`` or
        ``empty``.
    """
    # The samples begin with a count of edits, 4 bytes. The format has no padding, yet it occurs.
    grammar = Grammar("CAF", 12, _head, 2, b"data", _KNOWN, _KEPT, bits=64, skip=4)
    chunks = walk(source, at + 8, grammar, Outer(None, _data_size, _byte_rate, is_sound))
    desc = chunks.kept.get(b"desc", b"")
    if len(desc) < 32:
        raise AudioError(
            "truncated", f"the CAF file of {source.size - at:,} bytes has no whole 'desc' chunk"
        )
    rate, kind, _, packet, _, channels, _ = struct.unpack(">d4s5I", desc[:32])
    if not rate > 0:
        raise AudioError("sample-rate", f"the CAF header gives a rate of {rate:g} Hz")
    if channels == 0:
        raise AudioError("no-channels", "the CAF header gives 0 channels")
    notes = list(chunks.notes)
    ranges = list(chunks.data)
    size = sum(stop - start for start, stop in ranges)
    if size == 0:
        raise AudioError("empty", "the CAF header is whole, but 0 bytes of samples follow")
    frames = None
    if kind in _LINEAR and packet:
        if size % packet:
            notes.append(f"the last {size % packet} bytes of samples are no whole frame")
            start, stop = ranges[-1]
            ranges[-1] = start, stop - size % packet
            size -= size % packet
        frames = size // packet
        if frames == 0:
            raise AudioError("empty", f"the {packet} bytes of a frame are not there")
    kept = (_chunk(name, chunks.kept[name]) for name in sorted(_KEPT & chunks.kept.keys()))
    # The description has to come first.
    ordered = sorted(kept, key=lambda chunk: chunk[:4] != b"desc")
    data = b"data" + struct.pack(">q", size + 4) + bytes(4)
    header = b"".join([source.read(at, 8), *ordered, data])
    return Found((Part((header, *ranges), frames),), chunks.end, tuple(notes))


def _head(head: bytes) -> tuple[bytes, int]:
    return head[:4], int.from_bytes(head[4:12], "big")


def _data_size(size: int, _: dict[bytes, bytes]) -> int | None:
    return None if size >= 1 << 63 else max(0, size - 4)


def _byte_rate(kept: dict[bytes, bytes]) -> int:
    desc = kept.get(b"desc", b"")
    if len(desc) < 32:
        return 0
    rate, kind, _, packet = struct.unpack_from(">d4s2I", desc)
    return int(rate * packet) if kind in _LINEAR and 0 < rate < 1e9 else 0


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">q", len(body)) + body
