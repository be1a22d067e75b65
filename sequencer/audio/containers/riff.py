"""WAV and its relatives: RIFF, RIFX, RF64, BW64 and Sony's Wave64."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sequencer.audio.containers.chunks import Chunks, Grammar, Outer, require_whole_packet, walk
from sequencer.audio.containers.view import Found, Part, Source
from sequencer.errors import AudioError

WAVE64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_KNOWN = frozenset(
    b"fmt |data|fact|LIST|bext|iXML|axml|chna|ds64|JUNK|junk|FLLR|PAD |cue |plst|smpl|inst|PEAK"
    b"|id3 |ID3 |afsp|cart|levl|link|umid|minf|elm1|regn|DISP|note|labl|ltxt|acid|strc|bext|r64m"
    b"|_PMX|SAUR|dbmd|MD5 |meta|wavl|slnt".split(b"|")
)
_KEPT = frozenset({b"fmt ", b"fact", b"ds64"})
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_LINEAR = frozenset({_PCM, _FLOAT, 6, 7})
MPEG_TAGS = frozenset({0x50, 0x55})
_MOST_RIFF = (1 << 32) - 256


@dataclass(frozen=True)
class Format:
    """A ``fmt`` chunk.

    Attributes
    ----------
    tag : int
        The codec; of WAVE_FORMAT_EXTENSIBLE the one within.
    channels, rate, byte_rate, align, bits : int
        As declared.
    """

    tag: int
    channels: int
    rate: int
    byte_rate: int
    align: int
    bits: int

    @property
    def is_linear(self) -> bool:
        """Whether a frame is `align` bytes."""
        return self.tag in _LINEAR


def parse_format(body: bytes, order: str) -> Format | None:
    """Return the content of a ``fmt`` chunk, None where it is too short."""
    if len(body) < 16:
        return None
    tag, *rest = struct.unpack_from(order + "HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack_from(order + "H", body, 24)[0]
    return Format(tag, *rest)


def find_riff(source: Source, at: int, is_sound: Callable[[int], bool]) -> Found:
    """Read the layout of a RIFF, RIFX, RF64 or BW64 file of waves that begins at `at`."""
    magic = source.read(at, 12)
    order = ">" if magic[:4] == b"RIFX" else "<"
    size = struct.unpack(order + "I", magic[4:8])[0]
    is_64 = magic[:4] in (b"RF64", b"BW64")
    grammar = Grammar("WAV", 8, partial(_head, order), 2, b"data", _KNOWN, _KEPT)
    end = None if is_64 else at + 8 + size
    outer = Outer(end, partial(_data_size, is_64), partial(_byte_rate, order), is_sound)
    chunks = walk(source, at + 12, grammar, outer)
    return found_waves(source, at, chunks, order)


def found_waves(source: Source, at: int, chunks: Chunks, order: str) -> Found:
    """Return the parts of a file whose chunks are those of a WAV file.

    Raises
    ------
    AudioError
        ``truncated``, ``sample-rate``, ``no-channels``, ``wrong-length`` or ``empty``.
    """
    form = parse_format(chunks.kept.get(b"fmt ", b""), order)
    if form is None:
        raise AudioError(
            "truncated", f"the WAV file of {source.size - at:,} bytes has no whole 'fmt ' chunk"
        )
    if form.rate == 0:
        raise AudioError("sample-rate", "the WAV header gives a rate of 0 Hz")
    if form.channels == 0:
        raise AudioError("no-channels", "the WAV header gives 0 channels")
    notes = list(chunks.notes)
    size = sum(stop - start for start, stop in chunks.data)
    if size == 0:
        raise AudioError("empty", "the WAV header is whole, but 0 bytes of samples follow")
    body = chunks.kept[b"fmt "]
    frames = None
    if not form.is_linear:
        require_whole_packet("WAV", chunks, form.align)
    else:
        body = _linear_body(body, form, order, notes)
        if size % form.align:
            notes.append(f"the last {size % form.align} bytes of samples are no whole frame")
            size -= size % form.align
        frames = size // form.align
        if frames == 0:
            raise AudioError("empty", f"the {form.align} bytes of a frame are not there")
    ranges = _limited(chunks.data, size)
    header = _header(body, chunks.kept.get(b"fact"), size, order)
    return Found((Part((header, *ranges), frames),), chunks.end, tuple(notes))


def codec(found: Found) -> int:
    """Return the codec's tag of a file that `find_riff` or `find_wave64` found."""
    header = found.parts[0].pieces[0]
    assert isinstance(header, bytes)
    at = header.index(b"fmt ")
    form = parse_format(header[at + 8 :], ">" if header[:4] == b"RIFX" else "<")
    assert form is not None
    return form.tag


def find_wave64(source: Source, at: int, is_sound: Callable[[int], bool]) -> Found:
    """Read the layout of a Wave64 file that begins at `at`; it is shown as a WAV file."""
    size = int.from_bytes(source.read(at + 16, 8), "little")
    kept = frozenset({b"fmt ", b"fact"})
    grammar = Grammar("W64", 24, _wave64_head, 8, b"data", _KNOWN, kept, 64)
    outer = Outer(at + size, _wave64_size, partial(_byte_rate, "<"), is_sound)
    chunks = walk(source, at + 40, grammar, outer)
    # The count of samples in a fact chunk has 8 bytes here and 4 in a WAV file.
    if b"fact" in chunks.kept:
        chunks.kept[b"fact"] = chunks.kept[b"fact"][:4]
    return found_waves(source, at, chunks, "<")


def _head(order: str, head: bytes) -> tuple[bytes, int]:
    return head[:4], struct.unpack(order + "I", head[4:])[0]


def _wave64_head(head: bytes) -> tuple[bytes, int]:
    name = head[:4] if head[4:16] == _GUID else head[:16]
    return name, max(0, int.from_bytes(head[16:24], "little") - 24)


def _wave64_size(size: int, _: dict[bytes, bytes]) -> int | None:
    return size


def _data_size(is_64: bool, size: int, kept: dict[bytes, bytes]) -> int | None:
    ds64 = kept.get(b"ds64", b"")
    if size == 0xFFFFFFFF and len(ds64) >= 16:
        return int(struct.unpack_from("<Q", ds64, 8)[0])
    return None if size == 0xFFFFFFFF and is_64 else size


def _byte_rate(order: str, kept: dict[bytes, bytes]) -> int:
    form = parse_format(kept.get(b"fmt ", b""), order)
    if form is None:
        return 0
    return form.byte_rate


def _linear_body(body: bytes, form: Format, order: str, notes: list[str]) -> bytes:
    """Return the ``fmt`` chunk with a width of samples that agrees with the size of a frame."""
    needed = form.channels * -(-form.bits // 8)
    if form.bits and form.align == needed:
        return body
    width, rest = divmod(form.align, form.channels)
    if rest or not 0 < -(-form.bits // 8) < width <= 8:
        raise AudioError(
            "wrong-length",
            f"the WAV header declares {form.align} bytes a frame, but {form.channels} channels of "
            f"{form.bits} bits need {needed}",
        )
    notes.append(f"the samples of {form.bits} bits stand in {width * 8}")
    return body[:14] + struct.pack(order + "H", width * 8) + body[16:]


def _limited(ranges: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    limited = []
    for start, stop in ranges:
        stop = min(stop, start + size)
        size -= stop - start
        limited.append((start, stop))
    return limited


def _header(body: bytes, fact: bytes | None, size: int, order: str) -> bytes:
    """Return the bytes before the samples of a WAV file that keeps to the rules."""
    chunks = _chunk(b"fmt ", body, order)
    if fact is not None:
        chunks += _chunk(b"fact", fact, order)
    if size > _MOST_RIFF and order == "<":
        sizes = struct.pack("<QQQI", 4 + 36 + len(chunks) + 8 + size, size, 0, 0)
        chunks = _chunk(b"ds64", sizes, order) + chunks
        return b"RF64" + b"\xff" * 4 + b"WAVE" + chunks + b"data" + b"\xff" * 4
    riff = struct.pack(order + "I", 4 + len(chunks) + 8 + size)
    magic = b"RIFX" if order == ">" else b"RIFF"
    return magic + riff + b"WAVE" + chunks + b"data" + struct.pack(order + "I", size)


def _chunk(name: bytes, body: bytes, order: str) -> bytes:
    return name + struct.pack(order + "I", len(body)) + body + bytes(len(body) & 1)
