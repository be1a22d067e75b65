"""The log of a training: a line of JSON a report, and its curve as a picture."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from hdfs_jobs.storage.open import open_storage
from nsynth_batch.training.event_files import NAME, event_file
from sequencer.optional import extra

LOG, CURVE = "log.jsonl", "curve.png"

_LOSSES = ("nll", "density_nll", "squared_error", "auxiliary", "scored")
_DRAWN = ("drawn_nll", "entropy")
_MEASURES = ("pitch_kept", "periodicity", "partials", "spread", "good", "drift", "free_running")


class TrainingLog:
    """The reports of a training, kept beside its model on any storage.

    Parameters
    ----------
    url : str
        The training's folder.
    step : int
        Where the training goes on: what was logged of later steps is dropped, since they are made
        again.
    tensorboard : bool
        Write what is logged as TensorBoard reads it as well.

    Attributes
    ----------
    records : list of dict
        In the order of the steps.
    """

    def __init__(self, url: str, step: int = 0, *, tensorboard: bool = False) -> None:
        self._storage = open_storage(url)
        self._tensorboard = tensorboard
        self.records = [record for record in self._read() if record["step"] <= step]

    def add(self, **record: Any) -> None:
        """Write one more line; values that are None are left out."""
        if self._tensorboard:
            record["time"] = round(time.time(), 1)
        self.records.append({name: value for name, value in record.items() if value is not None})
        lines = "".join(json.dumps(record) + "\n" for record in self.records)
        self._storage.replace(LOG, lines.encode())
        if self._tensorboard:
            self._storage.replace(NAME, event_file(self.records))

    def scored(self, step: int) -> bool:
        """Whether a listening point of this step was logged."""
        return any(record["step"] == step and "score" in record for record in self.records)

    def draw(self) -> None:
        """Draw the curve of everything that is logged: by samples trained, and by time.

        Raises
        ------
        SequencerError
            When matplotlib is not installed.
        """
        figure = extra("matplotlib.figure", "matplotlib").Figure(figsize=(8, 9), dpi=100)
        losses, measures, times = figure.subplots(3, 1)
        measures.sharex(losses)
        for axes, names in ((losses, _LOSSES + _DRAWN), (measures, _MEASURES)):
            for name in names:
                _plot(axes, self.records, name, "samples", 1e6, name)
            if axes.get_legend_handles_labels()[0]:
                axes.legend()
        for name in _LOSSES:
            _plot(times, self.records, name, "wall_seconds", 60, name)
        times.set_ylabel("training loss")
        times.set_xlabel("minutes trained")
        losses.set_ylabel("training loss")
        measures.set_ylabel("free running")
        measures.set_xlabel("million samples trained")
        self._storage.replace(CURVE, _png(figure))

    def _read(self) -> list[dict[str, Any]]:
        try:
            lines = self._storage.read_bytes(LOG).splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [json.loads(line) for line in lines]


def draw_beside(trainings: Sequence[str]) -> bytes:
    """Draw the losses of several trainings beside each other, by samples trained and by time.

    Parameters
    ----------
    trainings : sequence of str
        Their folders.

    Returns
    -------
    bytes
        A PNG.

    Raises
    ------
    ValueError
        A folder has no log with a loss.
    SequencerError
        When matplotlib is not installed.
    """
    figure = extra("matplotlib.figure", "matplotlib").Figure(figsize=(8, 7), dpi=100)
    by_samples, by_time = figure.subplots(2, 1)
    for url in trainings:
        records = TrainingLog(url, sys.maxsize).records
        names = [name for name in _LOSSES if any(name in record for record in records)]
        if not names:
            raise ValueError(f"{url}: has no {LOG} with a loss: give the folder of a training")
        for name in names:
            label = f"{url.rstrip('/').rpartition('/')[2]}, {name}"
            _plot(by_samples, records, name, "samples", 1e6, label)
            _plot(by_time, records, name, "wall_seconds", 60, label)
    for axes, unit in ((by_samples, "million samples trained"), (by_time, "minutes trained")):
        axes.set_ylabel("training loss")
        axes.set_xlabel(unit)
        axes.legend()
    figure.tight_layout()
    return _png(figure)


def _plot(
    axes: Any, records: Sequence[dict[str, Any]], name: str, by: str, unit: float, label: str
) -> None:
    """Draw what was logged under a name, by samples or seconds, where there is any."""
    points = [(r[by] / unit, r[name]) for r in records if name in r and by in r]
    if points:
        axes.plot(*zip(*points, strict=True), marker=".", label=label)


def _png(figure: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
