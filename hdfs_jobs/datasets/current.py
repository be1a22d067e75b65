"""Which dataset of a name is current: the one that each of its producers planned last."""

from __future__ import annotations

import time
from typing import Any

from hdfs_jobs.canonical_json import canonical_json
from hdfs_jobs.datasets.manifest import parse_object
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage

_PRODUCERS = "producers"


def current_path(name: str) -> str:
    """Return the path of the file that names the current datasets."""
    return f"{name}/latest.json"


def read_current(storage: Storage, name: str) -> dict[str, str]:
    """Return the digest that each producer of a dataset's name planned last.

    The producer without a name stands at the top of the file: release 0.1 knew no other.

    Parameters
    ----------
    storage : Storage
        The store's.
    name : str
        What the rows are.

    Returns
    -------
    dict of str to str
        Digest by producer, the one without a name (``""``) first; empty if none was planned.

    Raises
    ------
    UsageError
        The file is damaged.
    """
    path = current_path(name)
    try:
        content = parse_object(storage.read_bytes(path), f"{storage.url}/{path}")
    except FileNotFoundError:
        return {}
    try:
        return {producer: entry["digest"] for producer, entry in _entries(content).items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise UsageError(
            f"{storage.url}/{path}: names no dataset; restore it, or delete it and run again"
        ) from error


def set_current(storage: Storage, name: str, producer: str, digest: str) -> None:
    """Make a dataset the current one of its producer; what others planned stays as it is."""
    path = current_path(name)
    content: dict[str, Any] = {}
    if storage.exists(path):
        content = dict(parse_object(storage.read_bytes(path), f"{storage.url}/{path}"))
    planned_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entry = {"digest": digest, "planned_at": planned_at}
    if producer:
        content[_PRODUCERS] = {**content.get(_PRODUCERS, {}), producer: entry}
    else:
        content |= entry
    storage.replace(path, canonical_json(content))


def _entries(content: dict[str, Any]) -> dict[str, Any]:
    named = content.get(_PRODUCERS, {})
    return named if "digest" not in content and named else {"": content, **named}
