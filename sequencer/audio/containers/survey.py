"""A look at a whole sound file before it is decoded: what is there, and what its header claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from sequencer.audio.containers import filler, headers, mpeg, riff
from sequencer.audio.containers.caf import find_caf
from sequencer.audio.containers.flac import find_flac
from sequencer.audio.containers.foreign import Foreign, foreign_format, second_file
from sequencer.audio.containers.headers import find_headed
from sequencer.audio.containers.iff import find_aiff, find_svx
from sequencer.audio.containers.lengths import SLACK_BYTES, stands_for_unknown
from sequencer.audio.containers.ogg import find_ogg
from sequencer.audio.containers.view import Found, Part, Source
from sequencer.audio.containers.voc import find_voc
from sequencer.errors import AudioError

_RIFFS = (b"RIFF", b"RIFX", b"RF64", b"BW64")
_MOST_JOINED = 100_000

Finder = Callable[[Source, int], Found | None]


@dataclass(frozen=True)
class Survey:
    """What a file holds.

    Attributes
    ----------
    parts : tuple of Part
        What a decoder is to read, one after the other.
    notes : tuple of str
        What was not as it should be and is read all the same.
    foreign : Foreign or None
        The format, where only ffmpeg reads it; `parts` is then empty.
    start : int
        Where in the file the first container begins, behind tags.
    fallback : Foreign or None
        What ffmpeg calls the container, for a codec in it that libsndfile does not read.
    """

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    foreign: Foreign | None = None
    fallback: Foreign | None = None
    start: int = 0


def survey(stream: BinaryIO) -> Survey:
    """Compare a file's headers with the file, in every container that can be read.

    Parameters
    ----------
    stream : BinaryIO
        Seekable; its position is left anywhere.

    Raises
    ------
    AudioError
        ``empty``, ``not-audio``, ``truncated``, ``absurd-header``, ``wrong-length``, ``corrupt``,
        ``sample-rate`` or ``no-channels``, with the numbers.
    OSError
        What the stream raised.
    """
    source = Source(stream)
    if source.size == 0:
        raise AudioError("empty", "the file holds 0 bytes")
    at = filler.after_tags(source, 0)
    if at >= source.size:
        raise AudioError(
            "empty", f"the {source.size:,} bytes of the file are a tag and nothing else"
        )
    start = at
    parts: list[Part] = []
    notes: list[str] = []
    files = 0
    fallback = None
    while at < source.size and files < _MOST_JOINED:
        finder, name = _finder(source, at)
        if finder is None and parts and begins_sound(source, at + 1):
            # A byte of padding.
            at += 1
            continue
        found = finder(source, at) if finder is not None else None
        if found is None:
            if parts:
                break
            return _foreign(source, at, name)
        fallback = fallback or _fallback(name)
        files += 1
        parts += found.parts
        notes += found.notes
        at = filler.after_tags(source, max(found.end, at + 1))
    if at < filler.before_tags(source, 0, source.size) - 1:
        notes.append(f"{source.size - at:,} bytes behind the sound are neither sound nor tag")
    if len(parts) > 1:
        notes.append(f"{len(parts)} streams are joined end to end; all are read")
    return Survey(tuple(parts), tuple(dict.fromkeys(notes)), None, fallback, start)


def _foreign(source: Source, at: int, name: str) -> Survey:
    foreign = foreign_format(source, at) or _fallback(name)
    head = source.read(at, 8)
    if foreign is not None:
        if head[:4] == b"RIFF":
            _require_whole(head, source.size - at, foreign)
        if (again := second_file(source, at, foreign)) is not None:
            raise AudioError(
                "wrong-length",
                f"{foreign.name}: another file begins at byte {again:,} of {source.size:,}, which "
                "ffmpeg would not read: take them apart",
            )
        return Survey((), (), foreign, start=at)
    if (free := mpeg.free_format(source, at)) is not None:
        return Survey(free.parts)
    shown = head.decode("ascii", "replace").encode("unicode_escape").decode()
    raise AudioError(
        "not-audio", f"the {source.size:,} bytes start with '{shown}', as no sound does"
    )


def _require_whole(head: bytes, left: int, foreign: Foreign) -> None:
    """Refuse a RIFF file that is shorter than it says: ffmpeg reads it without a word."""
    declared = 8 + int.from_bytes(head[4:8], "little")
    if declared - left > SLACK_BYTES and not stands_for_unknown(declared - 8):
        raise AudioError(
            "truncated", f"{foreign.name}: the header declares {declared:,} bytes, {left:,} came"
        )


def begins_sound(source: Source, at: int) -> bool:
    """Whether a sound file with a magic number of its own begins at a position."""
    finder, name = _finder(source, at)
    return finder is not None and name not in _WEAK


def _begins_link(source: Source, at: int) -> bool:
    """Whether a sound file begins right behind another, MPEG included."""
    return begins_sound(source, at) or mpeg.first_frame(source, at, source.size, 0) == at


def begins_container(source: Source, at: int) -> bool:
    """Whether a container that is read here begins at a position."""
    return _finder(source, at)[0] is not None


def _wave(source: Source, at: int, is_sound: Callable[[int], bool]) -> Found | None:
    found = riff.find_riff(source, at, is_sound)
    tag = riff.codec(found)
    if tag in riff.MPEG_TAGS:
        piece = found.parts[0].pieces[1]
        assert not isinstance(piece, bytes)
        inner = mpeg.find_mpeg(source, *piece)
        return Found(inner.parts, found.end, found.notes + inner.notes)
    return found


_WEAK = frozenset({"mpeg", "htk", "mpc2k", "sds"})
_FALLBACKS = {
    "wav": Foreign("a WAV file of another codec", "wav"),
    "w64": Foreign("a Wave64 file of another codec", "w64"),
    "aiff": Foreign("an AIFF file of another codec", "aiff"),
    "caf": Foreign("a CAF file of another codec", "caf"),
    "au": Foreign("an AU file of another codec", "au"),
    "ogg": Foreign("an Ogg file of another codec", "ogg"),
    "voc": Foreign("a VOC file of another codec", "voc"),
    "svx": Foreign("an 8SVX file of another codec", "iff"),
}


def _fallback(name: str) -> Foreign | None:
    return _FALLBACKS.get(name)


def _finder(source: Source, at: int) -> tuple[Finder | None, str]:
    """Return what reads the container that begins at a position, and its name."""
    head = source.read(at, 48)
    is_sound = partial(begins_sound, source)
    magic, form = head[:4], head[8:12]
    if magic in _RIFFS and form == b"WAVE":
        return partial(_wave, is_sound=is_sound), "wav"
    if head[:16] == riff.WAVE64:
        return partial(riff.find_wave64, is_sound=is_sound), "w64"
    if magic == b"FORM" and form in (b"AIFF", b"AIFC"):
        return partial(find_aiff, is_sound=is_sound), "aiff"
    if magic == b"FORM" and form in (b"8SVX", b"16SV"):
        return partial(find_svx, is_sound=is_sound), "svx"
    if magic == b"caff":
        return partial(find_caf, is_sound=is_sound), "caf"
    if magic == b"fLaC":
        return partial(find_flac, is_sound=is_sound), "flac"
    if magic == b"OggS":
        return partial(find_ogg, is_sound=partial(_begins_link, source)), "ogg"
    if head[:20] == b"Creative Voice File\x1a":
        return find_voc, "voc"
    for read, name, matches in _HEADED:
        if matches(head):
            return partial(find_headed, read=read, is_sound=is_sound), name
    if foreign_format(source, at) is None and mpeg.first_frame(source, at, source.size) is not None:
        return partial(mpeg.find_mpeg, is_sound=is_sound), "mpeg"
    return None, ""


def _is_ircam(head: bytes) -> bool:
    little = head[:2] == b"\x64\xa3" and head[3:4] == b"\0" and 1 <= head[2] <= 4
    return little or (head[2:4] == b"\xa3\x64" and head[:1] == b"\0" and 1 <= head[1] <= 4)


def _is_htk(head: bytes) -> bool:
    """Whether 12 bytes are HTK's: 2 bytes a sample, of kind 0, at a rate that sound has."""
    period = int.from_bytes(head[4:8], "big")
    return head[8:12] == b"\0\x02\0\0" and 13 <= period <= 10_000 and head[:2] != b"\xff\xfb"


def _is_sds(head: bytes) -> bool:
    return head[:2] == b"\xf0\x7e" and head[3:4] == b"\x01" and head[2] < 0x80


def _is_mat4(head: bytes) -> bool:
    known = (b"\0\0\0\0\1\0\0\0", b"\0\0\3\xe8\0\0\0\1")
    return head[:8] in known and head[20:31] == b"samplerate\0"


def _is_mpc(head: bytes) -> bool:
    name = head[2:19]
    rate = int.from_bytes(head[40:42], "little")
    printable = all(0x20 <= byte < 0x7F or byte == 0 for byte in name)
    return head[:2] == b"\x01\x04" and len(head) >= 42 and printable and rate >= 1000


_HEADED: tuple[
    tuple[Callable[[Source, int], headers.Header], str, Callable[[bytes], bool]], ...
] = (
    (headers.read_au, "au", lambda head: head[:4] in (b".snd", b"dns.")),
    (headers.read_avr, "avr", lambda head: head[:4] == b"2BIT"),
    (headers.read_nist, "nist", lambda head: head[:7] == b"NIST_1A"),
    (headers.read_paf, "paf", lambda head: head[:4] in (b" paf", b"fap ")),
    (headers.read_pvf, "pvf", lambda head: head[:5] in (b"PVF1\n", b"PVF1 ")),
    (headers.read_ircam, "ircam", _is_ircam),
    (headers.read_mat5, "mat5", lambda head: head[:19] == b"MATLAB 5.0 MAT-file"),
    (headers.read_mat4, "mat4", _is_mat4),
    (headers.read_wve, "wve", lambda head: head[:16] == b"ALawSoundFile**\0"),
    (headers.read_xi, "xi", lambda head: head[:21] == b"Extended Instrument: "),
    (headers.read_sds, "sds", _is_sds),
    (headers.read_mpc, "mpc2k", _is_mpc),
    (headers.read_htk, "htk", _is_htk),
)
