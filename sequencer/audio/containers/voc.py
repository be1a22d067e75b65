"""Creative Voice files: blocks of samples, shown to the decoder as one WAV file."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from sequencer.audio.containers import lengths
from sequencer.audio.containers.view import Found, Part, Piece, Source
from sequencer.errors import AudioError

_END, _SOUND, _MORE, _SILENCE, _EXTRA, _NEW_SOUND = 0, 1, 2, 3, 8, 9
_REPEAT = 6
# A VOC codec's WAV tag and bits.
_PCM_16 = 4
_CODECS = {0: (1, 8), 4: (1, 16), 6: (6, 8), 7: (7, 8)}


@dataclass
class _Blocks:
    pieces: list[Piece] = field(default_factory=list)
    form: tuple[int, int, int] | None = None
    size: int = 0
    notes: list[str] = field(default_factory=list)


def find_voc(source: Source, at: int) -> Found | None:
    """Read the layout of a VOC file that begins at `at`; None where its codec is not linear.

    Raises
    ------
    AudioError
        ``truncated``, ``wrong-length``, ``sample-rate`` or ``empty``.
    """
    head = source.read(at, 26)
    if len(head) < 26:
        raise AudioError(
            "truncated", f"the file ends after {source.size:,} bytes, inside its VOC header"
        )
    place = at + struct.unpack_from("<H", head, 20)[0]
    found = _Blocks()
    extra: tuple[int, int] | None = None
    while place < source.size:
        kind = source.read(place, 1)[0]
        if kind == _END:
            place += 1
            break
        if kind > _NEW_SOUND:
            break
        size = int.from_bytes(source.read(place + 1, 3), "little")
        body = place + 4
        stop = min(source.size, body + size)
        if body + size > source.size:
            _note_cut(source, size, max(0, source.size - body), found)
        if kind == _SOUND:
            divisor, codec = source.read(body, 2).ljust(2, b"\0")
            rate, channels = extra or (1_000_000 // (256 - divisor), 1)
            if not _add(found, rate, channels, codec, (body + 2, stop)):
                return None
            extra = None
        elif kind == _NEW_SOUND:
            fields = source.read(body, 12).ljust(12, b"\0")
            rate, _, channels, codec = struct.unpack_from("<IBBH", fields)
            if not _add(found, rate, channels, codec, (body + 12, stop)):
                return None
        elif kind == _MORE and found.form is not None:
            found.pieces.append((body, stop))
        elif kind == _SILENCE and found.form is not None:
            _add_silence(found, struct.unpack("<H", source.read(body, 2).ljust(2, b"\0"))[0] + 1)
        elif kind == _EXTRA:
            constant, _, mode = struct.unpack("<HBB", source.read(body, 4).ljust(4, b"\0"))
            extra = 256_000_000 // (65_536 - constant) // (mode + 1), mode + 1
        elif kind == _REPEAT:
            found.notes.append("a part that the VOC file repeats is read once")
        place = stop
    _drop_end(source, place, found)
    return _as_wave(found, place)


def _drop_end(source: Source, place: int, found: _Blocks) -> None:
    """Take the byte that ends the file off a block that counted it, as libsndfile writes it."""
    if not found.pieces or found.form is None or found.form[2] == _PCM_16:
        return
    last = found.pieces[-1]
    if not isinstance(last, bytes) and last[1] == place and source.read(place - 1, 1) == b"\0":
        found.pieces[-1] = last[0], last[1] - 1


def _note_cut(source: Source, size: int, there: int, found: _Blocks) -> None:
    if not lengths.is_little(size - there, there):
        raise AudioError(
            "truncated", f"a block of the VOC file declares {size:,} bytes, {there:,} came"
        )
    found.notes.append(
        f"the last block of the VOC file declares {size:,} bytes; all {there:,} are read"
    )


def _add(found: _Blocks, rate: int, channels: int, codec: int, where: tuple[int, int]) -> bool:
    """Take a block of samples; whether its codec is linear."""
    if codec not in _CODECS:
        return False
    if rate == 0 or channels == 0:
        raise AudioError("sample-rate", f"the VOC header gives {rate} Hz, {channels} channels")
    form = rate, channels, codec
    if found.form is not None and found.form != form:
        raise AudioError(
            "wrong-length",
            f"blocks of the VOC file have {found.form[0]:,} Hz and {rate:,} Hz, or other codecs",
        )
    found.form = form
    found.pieces.append(where)
    return True


def _add_silence(found: _Blocks, frames: int) -> None:
    assert found.form is not None
    _, channels, codec = found.form
    zero = {0: b"\x80", 4: b"\0\0", 6: b"\xd5", 7: b"\xff"}[codec]
    found.pieces.append(zero * frames * channels)


def _as_wave(found: _Blocks, end: int) -> Found:
    if found.form is None:
        raise AudioError("empty", f"the VOC file of {end:,} bytes has 0 blocks of samples")
    rate, channels, codec = found.form
    tag, bits = _CODECS[codec]
    align = channels * bits // 8
    pieces = [piece for piece in found.pieces if isinstance(piece, bytes) or piece[1] > piece[0]]
    size = sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
    if size < align:
        raise AudioError("empty", f"the VOC header is whole, but {size} bytes of samples follow")
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size)
    header = b"RIFF" + struct.pack("<I", len(body) + size) + body
    if size % align:
        found.notes.append(f"the last {size % align} bytes of samples are no whole frame")
    return Found((Part((header, *pieces), size // align),), end, tuple(found.notes))
