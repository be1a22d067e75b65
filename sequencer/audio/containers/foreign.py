"""Formats that ffmpeg reads and libsndfile does not, known by how their files begin."""

from __future__ import annotations

from dataclasses import dataclass

from sequencer.audio.containers.view import Source


@dataclass(frozen=True)
class Foreign:
    """A format for ffmpeg.

    Attributes
    ----------
    name : str
        What people call it.
    demuxer : str
        ffmpeg's name of what reads it; no other is tried.
    """

    name: str
    demuxer: str


_MP4 = Foreign("MPEG-4 or QuickTime (m4a, mp4, mov, 3gp)", "mov")
_MATROSKA = Foreign("Matroska or WebM", "matroska")
_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_MAGICS: tuple[tuple[int, bytes, Foreign], ...] = (
    (0, b"\x1aE\xdf\xa3", _MATROSKA),
    (0, bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), Foreign("Windows Media (wma)", "asf")),
    (0, b"#!AMR", Foreign("AMR", "amr")),
    (0, b"MAC ", Foreign("Monkey's Audio (ape)", "ape")),
    (0, b"wvpk", Foreign("WavPack", "wv")),
    (0, b"TTA1", Foreign("True Audio", "tta")),
    (0, b"MPCK", Foreign("Musepack", "mpc8")),
    (0, b"MP+", Foreign("Musepack", "mpc")),
    (0, b"tBaK", Foreign("TAK", "tak")),
    (0, b"FLV\x01", Foreign("Flash video", "flv")),
    (0, b"\0\0\x01\xba", Foreign("MPEG video", "mpeg")),
    (0, b"nut/multimedia", Foreign("NUT", "nut")),
    (0, b".RMF", Foreign("RealMedia", "rm")),
    (0, b".ra\xfd", Foreign("RealAudio", "rm")),
    (0, b"DSD ", Foreign("DSD (dsf)", "dsf")),
    (0, b"FRM8", Foreign("DSD (dff)", "iff")),
    (0, b"\x0bw", Foreign("Dolby Digital (ac3)", "ac3")),
    (0, b"\x7f\xfe\x80\x01", Foreign("DTS", "dts")),
    (0, b"ea3\x03", Foreign("Sony OpenMG", "oma")),
    (0, b"EA3\x01", Foreign("Sony OpenMG", "oma")),
    (8, b"AVI ", Foreign("AVI video", "avi")),
    (8, b"QLCM", Foreign("Qualcomm PureVoice", "qcp")),
    (8, b"AMV ", Foreign("AMV video", "avi")),
)
_TS_PACKETS = (188, 192)


def foreign_format(source: Source, at: int) -> Foreign | None:
    """Return the format of ffmpeg's that begins at a position, None where none does."""
    head = source.read(at, 16)
    if head[4:8] in _ATOMS and _is_atom(head, source.size - at):
        return _MP4
    for offset, magic, foreign in _MAGICS:
        if head[offset : offset + len(magic)] == magic:
            return foreign
    if _is_adts(source, at):
        return Foreign("AAC (ADTS)", "aac")
    if head[:2] in (b"\x56\xe0", b"\x56\xe1") and _is_loas(source, at):
        return Foreign("AAC (LATM)", "loas")
    for packet in _TS_PACKETS:
        first = at + packet - 188
        if all(source.read(first + n * packet, 1) == b"G" for n in range(4)):
            return Foreign("MPEG transport stream", "mpegts")
    return None


def second_file(source: Source, at: int, foreign: Foreign) -> int | None:
    """Return where another file of the same format is joined to one, if ffmpeg reads the first."""
    if foreign.demuxer == "asf":
        again = source.find(source.read(at, 16), at + 16, source.size)
        return again if again >= 0 else None
    if foreign is not _MP4:
        return None
    seen = 0
    while at + 8 <= source.size:
        head = source.read(at, 16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        seen += head[4:8] == b"ftyp"
        if seen > 1:
            return at
        if size < 8:
            return None
        at += size
    return None


def _is_atom(head: bytes, left: int) -> bool:
    size = int.from_bytes(head[:4], "big")
    return size in (0, 1) or 8 <= size <= max(left, 1 << 16)


def _is_adts(source: Source, at: int) -> bool:
    """Whether frames of AAC follow each other: one that ends the file will do."""
    for _ in range(3):
        head = source.read(at, 7)
        if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
            return False
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if length < 7:
            return False
        at += length
        if at >= source.size:
            return True
    return True


def _is_loas(source: Source, at: int) -> bool:
    head = source.read(at, 3)
    after = at + 3 + (int.from_bytes(head[1:3], "big") & 0x1FFF)
    return after >= source.size or source.read(after, 1) == b"\x56"
