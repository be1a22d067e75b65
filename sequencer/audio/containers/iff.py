"""IFF files of sound: AIFF, AIFC and the Amiga's 8SVX and 16SV."""

from __future__ import annotations

import struct
from collections.abc import Callable

from sequencer.audio.containers import lengths
from sequencer.audio.containers.chunks import Grammar, Outer, require_whole_packet, walk
from sequencer.audio.containers.view import Found, Part, Source
from sequencer.errors import AudioError

_AIFF_KNOWN = frozenset(
    b"COMM|SSND|FVER|MARK|INST|COMT|NAME|AUTH|(c) |ANNO|APPL|MIDI|AESD|ID3 |id3 |PEAK|CHAN|basc"
    b"|trns|cate|LGWV|FLLR|JUNK|SAXL|PAD ".split(b"|")
)
_SVX_KNOWN = frozenset(b"VHDR|BODY|NAME|AUTH|(c) |ANNO|CHAN|PAN |ATAK|RLSE|FADE|SEQN".split(b"|"))
# Bytes a sample of the codecs whose frames are counted one by one; None: as the bits give.
_LINEAR: dict[bytes, int | None] = {
    b"NONE": None, b"twos": None, b"sowt": None, b"raw ": 1, b"in24": 3, b"42ni": 3, b"in32": 4,
    b"23ni": 4, b"fl32": 4, b"FL32": 4, b"fl64": 8, b"FL64": 8, b"ulaw": 1, b"ULAW": 1,
    b"alaw": 1, b"ALAW": 1,
}  # fmt: skip

_PACKETS = {b"ima4": 34, b"GSM ": 33, b"agsm": 33}


def find_aiff(source: Source, at: int, is_sound: Callable[[int], bool]) -> Found:
    """Read the layout of an AIFF or AIFC file that begins at `at`.

    Raises
    ------
    AudioError
        ``truncated``, ``no-channels``, ``wrong-length``, ``absurd-header`` or ``empty``.
    """
    magic = source.read(at, 12)
    kept = frozenset({b"COMM", b"FVER"})
    grammar = Grammar("AIFF", 8, _head, 2, b"SSND", _AIFF_KNOWN, kept, skip=8)
    outer = Outer(at + 8 + _number(magic[4:8]), _ssnd_size, _aiff_byte_rate, is_sound)
    chunks = walk(source, at + 12, grammar, outer)
    comm = chunks.kept.get(b"COMM", b"")
    if len(comm) < 18:
        raise AudioError(
            "truncated", f"the AIFF file of {source.size - at:,} bytes has no whole 'COMM' chunk"
        )
    channels, frames, bits = struct.unpack_from(">HIH", comm)
    if channels == 0:
        raise AudioError("no-channels", "the AIFF header gives 0 channels")
    notes = list(chunks.notes)
    ranges = [_without_offset(source, start, stop) for start, stop in chunks.data]
    size = sum(stop - start for start, stop in ranges)
    if size <= 0:
        raise AudioError("empty", "the AIFF header is whole, but 0 bytes of samples follow")
    kind = comm[18:22] if magic[8:12] == b"AIFC" else b"NONE"
    held = None
    require_whole_packet("AIFF", chunks, _PACKETS.get(kind, 1) * channels)
    if kind in _LINEAR:
        align = channels * (_LINEAR[kind] or -(-bits // 8))
        if align == 0 or size < align:
            raise AudioError("empty", f"{size:,} bytes of samples are less than a frame")
        held = size // align
        _compare_frames(frames, held, notes)
        if size % align:
            notes.append(f"the last {size % align} bytes of samples are no whole frame")
            start, stop = ranges[-1]
            ranges[-1] = start, stop - size % align
            size -= size % align
        comm = comm[:2] + struct.pack(">I", held) + comm[6:]
    body = b"".join(
        _chunk(name, part) for name, part in ((b"FVER", chunks.kept.get(b"FVER")), (b"COMM", comm))
        if part is not None
    )  # fmt: skip
    body = magic[8:12] + body + b"SSND" + struct.pack(">III", size + 8, 0, 0)
    header = b"FORM" + struct.pack(">I", min(len(body) + size, 0xFFFFFFFF)) + body
    return Found((Part((header, *ranges), held),), chunks.end, tuple(notes))


def _compare_frames(declared: int, held: int, notes: list[str]) -> None:
    """Refuse a count of frames that contradicts the bytes of samples, or note it."""
    if declared == held:
        return
    if declared == 0 or lengths.stands_for_unknown(declared):
        notes.append(f"the AIFF header leaves its count of frames open; {held:,} are read")
    elif lengths.is_little(abs(declared - held), held):
        notes.append(f"the AIFF header counts {declared:,} frames; all {held:,} are read")
    elif declared > held:
        raise AudioError("truncated", f"the AIFF header counts {declared:,} frames, {held:,} came")
    else:
        raise AudioError(
            "wrong-length", f"the AIFF header counts {declared:,} frames, but {held:,} are there"
        )


def find_svx(source: Source, at: int, is_sound: Callable[[int], bool]) -> Found:
    """Read the layout of an 8SVX or 16SV file that begins at `at`."""
    magic = source.read(at, 12)
    grammar = Grammar("SVX", 8, _head, 2, b"BODY", _SVX_KNOWN, frozenset({b"VHDR"}))
    width = 2 if magic[8:12] == b"16SV" else 1
    outer = Outer(at + 8 + _number(magic[4:8]), _svx_size, _svx_byte_rate, is_sound)
    chunks = walk(source, at + 12, grammar, outer)
    header = chunks.kept.get(b"VHDR", b"")
    if len(header) < 20:
        raise AudioError(
            "truncated", f"the SVX file of {source.size - at:,} bytes has no whole 'VHDR' chunk"
        )
    size = sum(stop - start for start, stop in chunks.data) // width * width
    if size == 0:
        raise AudioError("empty", "the SVX header is whole, but 0 bytes of samples follow")
    start, stop = chunks.data[-1]
    ranges = [*chunks.data[:-1], (start, stop - (stop - start) % width)]
    body = magic[8:12] + _chunk(b"VHDR", header) + b"BODY" + struct.pack(">I", size)
    head = b"FORM" + struct.pack(">I", len(body) + size) + body
    return Found((Part((head, *ranges), size // width),), chunks.end, tuple(chunks.notes))


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _head(head: bytes) -> tuple[bytes, int]:
    return head[:4], _number(head[4:8])


def _ssnd_size(size: int, _: dict[bytes, bytes]) -> int | None:
    return size if lengths.stands_for_unknown(size) else max(0, size - 8)


def _svx_size(size: int, _: dict[bytes, bytes]) -> int | None:
    return size


def _aiff_byte_rate(_: dict[bytes, bytes]) -> int:
    return 0


def _svx_byte_rate(kept: dict[bytes, bytes]) -> int:
    return _number(kept.get(b"VHDR", b"")[12:14])


def _without_offset(source: Source, start: int, stop: int) -> tuple[int, int]:
    """Return a range of samples without the bytes that the SSND chunk skips."""
    offset = _number(source.read(start - 8, 4))
    if offset > stop - start:
        raise AudioError(
            "wrong-length",
            f"the AIFF samples begin {offset:,} bytes into a chunk that has {stop - start:,}",
        )
    return start + offset, stop


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">I", len(body)) + body + bytes(len(body) & 1)
