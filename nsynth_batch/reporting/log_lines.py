"""Lines of a run's log as people read and `grep` them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nsynth_batch.settings.choices import LogLevel
from nsynth_batch.text import one_line

LEVELS: tuple[LogLevel, ...] = ("info", "warning", "error")
_FIRST = ("time", "level", "event", "name")
_FOR_PROGRAMS = frozenset({"settings", "sha256", "input_digest", "file"})


def at_least(fields: Mapping[str, Any], level: LogLevel) -> bool:
    """Whether a line matters as much as a level; lines of release 0.1 have none and are info."""
    return LEVELS.index(fields.get("level", "info")) >= LEVELS.index(level)


def text_of(fields: Mapping[str, Any]) -> str:
    """Return a line of a log: time, level, event, its dataset, then the fields as ``name=value``.

    Settings and digests are left out.

    Examples
    --------
    >>> text_of(
    ...     {"time": "2026-11-28T02:00:00.000+00:00", "level": "warning", "event": "ShardRetried",
    ...      "name": "clips", "shard": 3, "error": "OSError: gone"}
    ... )
    '2026-11-28T02:00:00.000+00:00 warning ShardRetried clips shard=3 error="OSError: gone"'
    """
    head = (str(fields.get(name, "info" if name == "level" else "")) for name in _FIRST)
    rest = (f"{name}={_value(value)}" for name, value in _flat(fields) if name not in _FIRST)
    return one_line(" ".join(part for part in (*head, *rest) if part))


def _flat(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield names and plain values, those inside of a summary or an entry too."""
    for name, value in fields.items():
        if name in _FOR_PROGRAMS or value is None or value == "":
            continue
        if isinstance(value, dict):
            yield from _flat(value)
        else:
            yield name, value


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ",".join(map(str, value))
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or '"' in text else text
