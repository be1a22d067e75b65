"""What a listener kept and rejected: a small file between the audition page and `compose`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from sequencer.errors import SequencerError
from sequencer.files import write_output
from sequencer.json_fields import read_fields

Choice = Literal["keep", "reject"]
CHOICES: tuple[Choice, ...] = get_args(Choice)

SCHEMA = "sequencer-choices"
VERSION = 1


def read_choices(path: str | Path) -> dict[str, Choice]:
    """Read a choices file.

    Returns
    -------
    dict of str to str
        ``keep`` or ``reject`` by clip id; clips without a choice are missing.

    Raises
    ------
    SequencerError
        With the file and the field.
    OSError
        What reading raised.
    """
    _, top = read_fields(path, "choices file")
    if top.text("schema", "") != SCHEMA:
        raise SequencerError(
            f"{path}, field 'schema': not a choices file ({SCHEMA!r} is expected); "
            "`sequencer audition` makes one"
        )
    if top.integer("version") != VERSION:
        raise top.wrong("version", f"this program reads version {VERSION}", top.integer("version"))
    fields = top.mapping("choices")
    chosen: dict[str, Choice] = {}
    for clip_id in fields.names():
        word = fields.text(clip_id, "")
        if word not in CHOICES:
            raise fields.wrong(clip_id, f"must be one of {', '.join(CHOICES)}", word)
        chosen[clip_id] = word
    return chosen


def choices_json(choices: Mapping[str, Choice]) -> str:
    """Write choices as JSON, sorted by clip id, one a line."""
    head = {"schema": SCHEMA, "version": VERSION, "choices": dict(sorted(choices.items()))}
    return json.dumps(head, ensure_ascii=False, indent=1) + "\n"


def write_choices(path: str | Path, choices: Mapping[str, Choice]) -> None:
    """Write a choices file, whole or not at all."""
    write_output(Path(path), choices_json(choices))
