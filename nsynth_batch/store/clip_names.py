"""File names of exported clips: what they were made from, then the beginning of their id."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from sequencer.audio.suffixes import is_audio_name
from sequencer.clips.clips import Clip

_MOST_BYTES = 48
"""Of each recording's part of a name; file systems take 255 for the whole."""

_DIGITS = 8
ID_IN_NAME = re.compile(r"(?:.*-)?([0-9a-f]{8,})\.wav")
"""The name of a clip's file: its id, or what it was made from and the beginning of its id."""


class ClipNames:
    """The names of clips in one folder; a clip that was exported there before keeps its name.

    Parameters
    ----------
    folder : Path
        Where they are exported to, made or not.

    Examples
    --------
    >>> from sequencer.clips.clips import Parent
    >>> from sequencer.rights.rights import Rights
    >>> parents = tuple(Parent(n, rights=Rights(n)) for n in ("Guitar: fifths.wav", "bell"))
    >>> names = ClipNames(Path("not there"))
    >>> names.name_of(Clip("2b69ad64b7c0", "", parents=parents))
    'Guitar-fifths+bell-2b69ad64.wav'
    """

    def __init__(self, folder: Path) -> None:
        there = sorted(path.name for path in folder.glob("*.wav")) if folder.is_dir() else []
        self._there = set(there)
        self._by_digits = {
            found[1]: name for name in there if (found := ID_IN_NAME.fullmatch(name))
        }
        self._taken: dict[str, str] = {}

    def name_of(self, clip: Clip) -> str:
        """Return the name of a clip's file; no other clip of this export has it.

        Releases up to 0.1 named a clip by its id alone: such a file keeps its name, for scores
        name it.
        """
        old = f"{clip.clip_id}.wav"
        if old in self._there:
            return old
        for digits in (clip.clip_id[:_DIGITS], clip.clip_id):
            name = self._by_digits.get(digits) or f"{_made_from(clip)}-{digits}.wav"
            if self._taken.setdefault(name, clip.clip_id) == clip.clip_id:
                break
        return name


def _made_from(clip: Clip) -> str:
    titles = [parent.rights.title or parent.file_id for parent in clip.parents]
    return "+".join(map(slug, titles or [clip.made_with.get("checkpoint", "")]))


def slug(title: str) -> str:
    """Return letters and digits of any script, with single dashes for all else between them."""
    if is_audio_name(title):
        title = title.rpartition(".")[0]
    kept = "".join(
        c if c.isalnum() or c == "_" else " " for c in unicodedata.normalize("NFC", title)
    )
    words = "-".join(kept.split()).encode()[:_MOST_BYTES].decode(errors="ignore")
    return words.strip("-") or "untitled"
