"""The folder of a training, on any storage: its model and its state change in one step."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hdfs_jobs.canonical_json import canonical_json
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.checkpoint import POINTER
from nsynth_batch.models.weights import (
    Array,
    CheckpointError,
    Weights,
    fitting,
    read_safetensors,
    safetensors_bytes,
    to_safetensors,
)

_PLAIN_FILES = ("model.safetensors", "training.safetensors")
"""What release 0.1 wrote: a training goes on from it, and then leaves files of its own."""

_NUMBERED = re.compile(r"(model|training)-\d+(-fitted)?\.safetensors")


@dataclass(frozen=True)
class Saved:
    """A training as it was saved.

    Attributes
    ----------
    step : int
        Steps done.
    made_by : str
        What must stay the same for it to go on, as JSON.
    tensors : mapping of str to arrays
        Named ``slot:weight``.
    source : str
        The file.
    recordings : str
        What recordings streams stand in; empty of crops.
    """

    step: int
    made_by: str
    tensors: Mapping[str, Array]
    source: str
    recordings: str = ""

    def slots(
        self, names: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]]
    ) -> dict[str, dict[str, Array]]:
        """Return the tensors by slot and weight.

        Raises
        ------
        CheckpointError
            If one is missing, misshapen or not finite.
        """
        found = {}
        for slot in names:
            prefix = f"{slot}:"
            tensors = {
                name.removeprefix(prefix): value
                for name, value in self.tensors.items()
                if name.startswith(prefix)
            }
            found[slot] = fitting(shapes, tensors, self.source)
        return found


class ModelFolder:
    """Where a training leaves its model and its state.

    The two are files of their own, named by the step; a small file beside them says which two
    belong together, and is replaced in one piece. So a reader of the folder finds a model and
    the state of the same step, and a training that was killed goes on from there.

    Parameters
    ----------
    url : str
        A folder of this machine, or a URL of any storage.
    """

    def __init__(self, url: str) -> None:
        self._storage = open_storage(url)

    def load(self) -> Saved | None:
        """Return the training that was saved last; None if there is none.

        Raises
        ------
        CheckpointError
            If its files are damaged or missing.
        """
        name = self._pointer().get("training")
        if name is None:
            name = _PLAIN_FILES[1]
            if not self._storage.exists(name):
                return None
        file = f"{self._storage.url}/{name}"
        try:
            metadata, tensors = read_safetensors(file)
            recordings = metadata.get("recordings", "")
            return Saved(int(metadata["step"]), metadata["made_by"], tensors, file, recordings)
        except (CheckpointError, KeyError, ValueError) as error:
            raise CheckpointError(f"{file}: not a readable training ({error})") from None

    def save(
        self,
        step: int,
        model: Weights[Any],
        state: Mapping[str, Mapping[str, Array]],
        made_by: str,
        recordings: str = "",
    ) -> None:
        """Write model and state of a step.

        Parameters
        ----------
        step : int
            Steps done.
        model : Weights
            The averaged weights.
        state : mapping of str to mapping of str to arrays
            What training goes on from, by slot and weight.
        made_by : str
            What must stay the same for it to go on, as JSON.
        recordings : str
            What recordings streams stand in; empty of crops.

        Raises
        ------
        FloatingPointError
            If one of them is not finite; what was saved before stays.
        """
        tensors = {f"{slot}:{n}": v for slot, values in state.items() for n, v in values.items()}
        for name, value in {**tensors, **model.tensors}.items():
            if not np.isfinite(value).all():
                raise FloatingPointError(f"{name} is not finite at step {step}")
        files = {"model": f"model-{step}.safetensors", "training": f"training-{step}.safetensors"}
        before = self._pointer()
        # A worker that was taken for lost may save what others have gone beyond since.
        if before.get("step", -1) >= step:
            return
        self._write(files["model"], to_safetensors(model))
        metadata = {"step": str(step), "made_by": made_by}
        if recordings:
            metadata["recordings"] = recordings
        self._write(files["training"], safetensors_bytes(tensors, metadata))
        self._point(files, step)

    def finish(self, step: int, model: Weights[Any]) -> None:
        """Put another model into the place of the one that was saved last.

        Parameters
        ----------
        step : int
            Of that one; nothing is written where another step was saved since.
        model : Weights
            The averaged weights, with what was fitted since.
        """
        before = self._pointer()
        if before.get("step") != step:
            return
        files = {"model": f"model-{step}-fitted.safetensors", "training": before["training"]}
        data = to_safetensors(model)
        if before["model"] == files["model"] and self._storage.read_bytes(files["model"]) == data:
            return
        self._write(files["model"], data)
        self._point(files, step)

    def _point(self, files: Mapping[str, str], step: int) -> None:
        self._storage.replace(POINTER, canonical_json({**files, "step": step}))
        self._delete_others(set(files.values()))

    def _write(self, name: str, data: bytes) -> None:
        # A save that was killed may have left one of this name, which nothing points to.
        self._storage.delete(name)
        with self._storage.create(name) as stream:
            stream.write(data)

    def _delete_others(self, kept: set[str]) -> None:
        names = {entry.name for entry in self._storage.list()}
        others = {name for name in names if _NUMBERED.fullmatch(name)} - kept
        if _PLAIN_FILES[1] in names:
            others |= names.intersection(_PLAIN_FILES)
        for name in others:
            self._storage.delete(name)

    def _pointer(self) -> dict[str, Any]:
        try:
            found = json.loads(self._storage.read_bytes(POINTER))
        except FileNotFoundError:
            return {}
        except ValueError:
            found = None
        if not isinstance(found, dict) or not {"model", "training", "step"} <= set(found):
            raise CheckpointError(f"{self._storage.url}/{POINTER}: names no training; restore it")
        return found
