"""Which files are taken for sound, by their names and, where a name is not enough, their heads."""

from __future__ import annotations

import io
from pathlib import PurePath

from sequencer.audio.containers.foreign import foreign_format
from sequencer.audio.containers.survey import begins_container
from sequencer.audio.containers.view import Source

# Read by libsndfile.
_OWN = (
    "aif", "aifc", "aiff", "au", "avr", "bw64", "caf", "flac", "fap", "ircam", "mp1", "mp2", "mp3",
    "mpga", "nist", "oga", "ogg", "opus", "paf", "pvf", "rf64", "rifx", "sds", "snd", "sph", "svx",
    "8svx", "16svx", "voc", "w64", "wav", "wave", "wavex", "wve", "xi",
)  # fmt: skip
# Read by ffmpeg; a video's sound is read and its pictures are not.
_FFMPEG = (
    "3g2", "3gp", "aac", "ac3", "amr", "ape", "asf", "avi", "awb", "dff", "dsf", "dts", "eac3",
    "flv", "loas", "m4a", "m4b", "m4r", "m4v", "mka", "mkv", "mov", "mp4", "mpc", "mpeg", "mpg",
    "oma", "ogv", "ogx", "qcp", "ra", "rm", "spx", "tak", "tta", "vob", "webm", "wma", "wmv", "wv",
)  # fmt: skip
# Names of other things too.
_AMBIGUOUS = ("htk", "iff", "m2ts", "mat", "mat4", "mat5", "mpc2k", "mts", "sd2", "sf", "ts")

SUFFIXES = frozenset(f".{name}" for name in (*_OWN, *_FFMPEG))
AMBIGUOUS = frozenset(f".{name}" for name in _AMBIGUOUS)
HEAD_BYTES = 1024
"""How much of a file `is_sound` looks at."""


def is_audio_name(name: str) -> bool:
    """Return whether a file's name ends as those of the formats that can be opened."""
    return PurePath(name).suffix.lower() in SUFFIXES


def needs_head(name: str) -> bool:
    """Return whether a name may be sound or not, so that `is_sound` has to see the file."""
    return PurePath(name).suffix.lower() in AMBIGUOUS


def is_sound(name: str, head: bytes = b"") -> bool:
    """Return whether a file is taken for sound.

    Parameters
    ----------
    name : str
        Its name; the suffix counts, in any case.
    head : bytes
        The first `HEAD_BYTES` of it, for names of which `needs_head` is true.

    Examples
    --------
    >>> is_sound("rain.M4A"), is_sound("index.ts", b"export class Rain {"), is_sound("a.txt")
    (True, False, False)
    """
    if is_audio_name(name):
        return True
    if not needs_head(name) or not head:
        return False
    source = Source(io.BytesIO(head))
    return begins_container(source, 0) or foreign_format(source, 0) is not None
