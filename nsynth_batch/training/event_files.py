"""The reports of a training as TensorBoard reads them, written by TensorFlow alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

NAME = "tensorboard/events.out.tfevents.0.nsynth-batch"
"""In a training's folder; the folder is what ``tensorboard --logdir`` takes."""

_VERSION = "brain.Event:2"
_NO_SCALARS = ("step", "steps", "time")


def event_file(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Return an event file of scalars, one a value; the same records give the same bytes.

    Parameters
    ----------
    records : iterable of mappings
        The lines of log.jsonl: ``step``, perhaps ``time`` in seconds since 1970, and values.
    """
    import tensorflow as tf

    # TensorFlow writes records to files alone.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events"
        with tf.io.TFRecordWriter(str(path)) as writer:
            first = tf.compat.v1.Event(wall_time=0.0, file_version=_VERSION)
            writer.write(first.SerializeToString(deterministic=True))
            for record in records:
                event = tf.compat.v1.Event(
                    wall_time=record.get("time", 0.0), step=int(record["step"])
                )
                for name, value in _scalars(record):
                    event.summary.value.add(tag=name, simple_value=value)
                writer.write(event.SerializeToString(deterministic=True))
        return path.read_bytes()


def _scalars(record: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the values of a record; counts of several things have a name each."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}/{which}", float(count)) for which, count in value.items())
        elif name not in _NO_SCALARS:
            yield name, float(value)
