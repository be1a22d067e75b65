"""The rights of a single sound file: by the table beside it, else by its own tags."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import soundfile

from sequencer.errors import SequencerError
from sequencer.rights.rights import UNKNOWN_LICENCE, Rights
from sequencer.rights.source_names import is_sources_name, match_sources
from sequencer.rights.sources_csv import SOURCES_NAME, read_sources
from sequencer.rights.spdx import require_listed
from sequencer.text import flattened


def rights_beside(path: Path) -> Rights:
    """Return what is known of a sound file's rights.

    Its row of the sources.csv in its folder goes first, whose names are compared as people see
    them. Without one its tags give title, artist and, if it begins with an SPDX expression, the
    licence, as this program's own files hold them.

    Parameters
    ----------
    path : Path
        Of the sound file.

    Returns
    -------
    Rights
        With a title always, the file's name where there is no other.

    Raises
    ------
    SequencerError
        If the table has a row that is wrong.
    OSError
        What reading raised.
    """
    rights = _in_table(path) or _in_tags(path)
    return rights if rights.title else replace(rights, title=path.stem)


def _in_table(path: Path) -> Rights | None:
    tables = sorted(each.name for each in path.parent.iterdir() if is_sources_name(each.name))
    if not tables:
        return None
    name = SOURCES_NAME if SOURCES_NAME in tables else tables[0]
    rows = match_sources(read_sources(path.parent / name), [path.name], name).rows
    return rows[path.name].rights if path.name in rows else None


def _in_tags(path: Path) -> Rights:
    try:
        with soundfile.SoundFile(path) as file:
            tags = file.copy_metadata()
    except soundfile.SoundFileError:
        return Rights()
    licence = tags.get("license") or tags.get("copyright") or ""
    return Rights(
        title=flattened(tags.get("title", "")),
        author=flattened(tags.get("artist", "")),
        licence=_spdx(licence),
    )


def _spdx(text: str) -> str:
    """Return the SPDX expression that a tag holds, alone or before an address."""
    words = flattened(text).split()
    if words and words[-1].startswith(("http://", "https://")):
        words.pop()
    expression = " ".join(words)
    try:
        require_listed(expression)
    except SequencerError:
        return UNKNOWN_LICENCE
    return expression
