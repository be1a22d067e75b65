"""Containers that are one header and samples: AU, AVR, HTK, IRCAM, MAT, MPC, NIST, PAF and more.

libsndfile reads most of them to the end of the file whatever their header says. What it is shown
is the header and so much of the file as is sound.
"""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from operator import xor

from sequencer.audio.containers import filler, lengths
from sequencer.audio.containers.lengths import Claim
from sequencer.audio.containers.view import Found, Part, Source
from sequencer.errors import AudioError

_SAME_BYTES = 16
_SDS_BLOCK = 127


@dataclass(frozen=True)
class Header:
    """What a header says.

    Attributes
    ----------
    container : str
        Its name, for messages.
    data_at : int
        Bytes from the start of the container to its samples.
    declared : int or None
        Bytes of samples; None where the container does not say.
    rate, channels : int or None
        Where they are read here.
    unit : int
        Bytes that a whole number of frames has at least.
    patched : callable or None
        The header's bytes for another number of bytes of samples; None where libsndfile does not
        look at the number.
    """

    container: str
    data_at: int
    declared: int | None
    rate: int | None = None
    channels: int | None = None
    unit: int = 1
    byte_rate: int = 0
    patched: Callable[[int], bytes] | None = None


def find_headed(
    source: Source, at: int, read: Callable[[Source, int], Header], is_sound: Callable[[int], bool]
) -> Found:
    """Return the layout of a container of one header, compared with the file.

    Raises
    ------
    AudioError
        ``truncated``, ``empty``, ``absurd-header``, ``wrong-length``, ``sample-rate`` or
        ``no-channels``.
    """
    try:
        header = read(source, at)
    except (struct.error, IndexError, ValueError) as error:
        raise AudioError(
            "truncated", f"the file ends after {source.size:,} bytes, inside its header"
        ) from error
    if header.rate == 0:
        raise AudioError("sample-rate", f"the {header.container} header gives a rate of 0 Hz")
    if header.channels == 0:
        raise AudioError("no-channels", f"the {header.container} header gives 0 channels")
    start = at + header.data_at
    there = max(0, source.size - start)
    notes: list[str] = []
    stop = _stop(source, start, there, header, is_sound, notes)
    if stop <= start:
        raise AudioError(
            "empty", f"the {header.container} header is whole, but 0 bytes of samples follow"
        )
    if rest := (stop - start) % header.unit:
        notes.append(f"the last {rest} bytes of samples are no whole frame")
        stop -= rest
    head: tuple[int, int] | bytes = (at, start)
    if header.patched is not None:
        head = header.patched(stop - start)
    return Found((Part((head, (start, stop))),), stop, tuple(notes))


def _stop(
    source: Source,
    start: int,
    there: int,
    header: Header,
    is_sound: Callable[[int], bool],
    notes: list[str],
) -> int:
    if header.declared is None:
        # Only the same header once more shows that another file is joined to this one.
        same = source.read(start - header.data_at, min(header.data_at, _SAME_BYTES))
        again = source.find(same, start, source.size)
        return again if again >= 0 else filler.before_tags(source, start, source.size)
    claim = Claim(header.container, header.declared, header.byte_rate)
    tail = filler.before_tags(source, start, source.size)
    if claim.is_unknown(there):
        notes.append(lengths.unknown(claim, tail - start))
        return tail
    if header.declared > there:
        notes.append(lengths.too_long(claim, there, source.size))
        return source.size
    stop = start + header.declared
    # An odd number of bytes may be padded.
    if there - header.declared <= header.declared % 2:
        return stop
    if header.declared and (is_sound(stop) or filler.is_constant(source, stop, tail)):
        return stop
    if stop < tail:
        notes.append(lengths.too_short(claim, tail - start))
        return tail
    return stop


def _bytes_of(frames: int, unit: int) -> int:
    """Return the bytes that a count of frames declares; a count that is unknown stays so."""
    return frames if lengths.stands_for_unknown(frames) else frames * unit


def read_au(source: Source, at: int) -> Header:
    """Read a header of Sun's AU, of either byte order."""
    head = source.read(at, 24)
    order = ">" if head[:4] == b".snd" else "<"
    offset, size, kind, rate, channels = struct.unpack_from(order + "5I", head, 4)
    width = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(kind, 0)
    unit = max(1, width * channels)

    def patched(length: int) -> bytes:
        fields = struct.pack(order + "5I", 24, min(length, 0xFFFFFFFF), kind, rate, channels)
        return head[:4] + fields

    declared = 0xFFFFFFFF if size == 0xFFFFFFFF else size
    return Header(
        "AU", max(24, offset), declared, rate, channels, unit, width * channels * rate, patched
    )


def read_avr(source: Source, at: int) -> Header:
    """Read a header of Audio Visual Research, 128 bytes."""
    head = source.read(at, 128)
    channels = 2 if struct.unpack_from(">H", head, 12)[0] else 1
    unit = channels * (2 if struct.unpack_from(">H", head, 14)[0] > 8 else 1)
    rate = struct.unpack_from(">I", head, 22)[0] & 0xFFFFFF
    frames = struct.unpack_from(">I", head, 26)[0]
    _ = head[127]
    return Header("AVR", 128, _bytes_of(frames, unit), rate, channels, unit, unit * rate)


def read_htk(source: Source, at: int) -> Header:
    """Read a header of the HMM Tool Kit, 12 bytes; libsndfile compares its count with the file."""
    head = source.read(at, 12)
    frames, period = struct.unpack_from(">II", head)
    rate = 10_000_000 // period

    def patched(length: int) -> bytes:
        return struct.pack(">I", length // 2) + head[4:]

    return Header("HTK", 12, _bytes_of(frames, 2), rate, 1, 2, 2 * rate, patched)


def read_ircam(source: Source, at: int) -> Header:
    """Read a header of IRCAM, 1024 bytes; it declares no length."""
    _ = source.read(at, 1024)[1023]
    return Header("IRCAM", 1024, None)


def read_paf(source: Source, at: int) -> Header:
    """Read a header of Ensoniq PARIS, 2048 bytes; it declares no length."""
    head = source.read(at, 2048)
    order = "<" if head[:4] == b"fap " else ">"
    rate, _, channels = struct.unpack_from(order + "3I", head, 12)
    _ = head[2047]
    return Header("PAF", 2048, None, rate, channels)


def read_pvf(source: Source, at: int) -> Header:
    """Read a header of the Portable Voice Format; it declares no length."""
    match = re.match(rb"PVF1\s(\d+) (\d+) (\d+)\s", source.read(at, 64))
    if match is None:
        raise ValueError("a PVF header")
    channels, rate, bits = (int(number) for number in match.groups())
    return Header("PVF", match.end(), None, rate, channels, max(1, channels * bits // 8))


def read_nist(source: Source, at: int) -> Header:
    """Read a header of NIST's Sphere: lines of text."""
    start = source.read(at, 16)
    size = int(start[8:16])
    text = source.read(at, size)
    if len(text) < size or b"end_head" not in text:
        raise ValueError("a NIST header")
    numbers = {name: int(value) for name, value in re.findall(rb"(\w+) -i (\d+)", text)}
    channels = numbers.get(b"channel_count", 1)
    width = numbers.get(b"sample_n_bytes", 1)
    unit = max(1, channels * width)
    frames, rate = numbers.get(b"sample_count"), numbers.get(b"sample_rate")
    declared = None if frames is None else frames * unit
    return Header("NIST", size, declared, rate, channels, unit, unit * (rate or 0))


def read_mat4(source: Source, at: int) -> Header:
    """Read the headers of two matrices of MATLAB 4: the rate's and the samples'."""
    head = source.read(at, 128)
    order = ">" if head[:4] == b"\0\0\3\xe8" else "<"
    first = struct.unpack_from(order + "5I", head)
    place = 20 + first[4] + _mat4_width(first[0])
    kind, rows, columns, _, length = struct.unpack_from(order + "5I", head, place)
    unit = rows * _mat4_width(kind)
    data_at = place + 20 + length

    def patched(size: int) -> bytes:
        count = struct.pack(order + "I", size // unit)
        return head[: place + 8] + count + head[place + 12 : data_at]

    return Header("MAT4", data_at, _bytes_of(columns, unit), None, rows, max(1, unit), 0, patched)


def _mat4_width(kind: int) -> int:
    return (8, 4, 4, 2, 2, 1)[kind // 10 % 10]


def read_mat5(source: Source, at: int) -> Header:
    """Read the headers of two matrices of MATLAB 5: the rate's and the samples'."""
    head = source.read(at, 1024)
    order = ">" if head[126:128] == b"MI" else "<"
    place = 128 + 8 + struct.unpack_from(order + "I", head, 132)[0]
    # Flags, dimensions and name stand before the samples of a matrix.
    place += 8
    for _ in range(3):
        place = _mat5_next(head, place, order)
    kind, size = struct.unpack_from(order + "II", head, place)
    unit = {2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8}.get(kind, 1)
    return Header("MAT5", place + 8, size, unit=unit)


def _mat5_next(head: bytes, place: int, order: str) -> int:
    kind, size = map(int, struct.unpack_from(order + "II", head, place))
    if kind >> 16:
        return place + 8
    return place + 8 + -(-size // 8) * 8


def read_mpc(source: Source, at: int) -> Header:
    """Read a header of Akai's MPC 2000, 42 bytes."""
    head = source.read(at, 42)
    channels = 2 if head[21] else 1
    frames = struct.unpack_from("<I", head, 30)[0]
    rate = struct.unpack_from("<H", head, 40)[0]
    return Header(
        "MPC", 42, _bytes_of(frames, 2 * channels), rate, channels, 2 * channels, 2 * rate
    )


def read_wve(source: Source, at: int) -> Header:
    """Read a header of Psion's WVE, 32 bytes."""
    head = source.read(at, 32)
    _ = head[31]
    return Header("WVE", 32, struct.unpack_from(">I", head, 18)[0], 8000, 1, 1, 8000)


def read_xi(source: Source, at: int) -> Header:
    """Read a header of FastTracker's instruments, of which libsndfile reads the first sample."""
    head = source.read(at, 338)
    samples = struct.unpack_from("<H", head, 296)[0]
    _ = head[337]
    sizes = [struct.unpack_from("<I", source.read(at + 298 + 40 * n, 4))[0] for n in range(samples)]
    if samples > 1:
        raise AudioError(
            "corrupt", f"the XI file has {samples} samples of {sum(sizes):,} bytes; one is read"
        )
    return Header("XI", 298 + 40 * samples, sum(sizes))


def read_sds(source: Source, at: int) -> Header:
    """Read a header of the MIDI Sample Dump Standard: blocks of 127 bytes follow."""
    head = source.read(at, 21)
    frames = head[10] | head[11] << 7 | head[12] << 14
    _ = head[20]
    if not 8 <= head[6] <= 28:
        raise AudioError("corrupt", f"the SDS header gives samples of {head[6]} bits")
    blocks = -(-frames // (120 // -(-head[6] // 7)))
    for number in range(min(blocks, (source.size - at - 21) // _SDS_BLOCK)):
        block = source.read(at + 21 + number * _SDS_BLOCK, _SDS_BLOCK)
        # libsndfile prints to stdout where one does not begin as it should.
        if (
            block[:2] != b"\xf0\x7e"
            or block[3] != 2
            or functools.reduce(xor, block[1:125]) != block[125]
        ):
            raise AudioError(
                "corrupt", f"block {number:,} of {blocks:,} of the SDS file is damaged"
            )
    return Header("SDS", 21, blocks * _SDS_BLOCK, unit=_SDS_BLOCK)
