"""The log of a training: a line of JSON a report, and its curve as a picture."""

from __future__ import annotations

import io
import json
import time
from typing import Any

from hdfs_jobs.storage.open import open_storage
from nsynth_batch.training.event_files import NAME, event_file
from sequencer.optional import extra

LOG, CURVE = "log.jsonl", "curve.png"

_LOSSES = ("nll", "density_nll", "squared_error", "auxiliary", "scored")
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
        for axes, names in ((losses, _LOSSES), (measures, _MEASURES)):
            for name in names:
                points = [(r["samples"] / 1e6, r[name]) for r in self.records if name in r]
                if points:
                    axes.plot(*zip(*points, strict=True), marker=".", label=name)
            if axes.get_legend_handles_labels()[0]:
                axes.legend()
        for name in _LOSSES:
            timed = [r for r in self.records if name in r and "wall_seconds" in r]
            if timed:
                points = [(r["wall_seconds"] / 60, r[name]) for r in timed]
                times.plot(*zip(*points, strict=True), marker=".", label=name)
        times.set_ylabel("training loss")
        times.set_xlabel("minutes trained")
        losses.set_ylabel("training loss")
        measures.set_ylabel("free running")
        measures.set_xlabel("million samples trained")
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
        self._storage.replace(CURVE, out.getvalue())

    def _read(self) -> list[dict[str, Any]]:
        try:
            lines = self._storage.read_bytes(LOG).splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]
