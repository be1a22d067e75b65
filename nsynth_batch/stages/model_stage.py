"""What the stages that run a model have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from nsynth_batch.models.loading import open_model
from nsynth_batch.models.spec import ModelSpec


@dataclass(frozen=True)
class ModelStage:
    """A stage that runs a model, which is loaded once a process.

    Attributes
    ----------
    spec : ModelSpec
        The model, settled by the plan. Where it names no threads, a task takes the cores of its
        machine over the workers there.
    """

    spec: ModelSpec

    def model(self, threads: int) -> Any:
        """Return the model in this process; `threads` are those that a task has."""
        return open_model(replace(self.spec, threads=self.spec.threads or threads))

    def facts(self, threads: int) -> dict[str, str]:
        """Return what runs the model in this process."""
        facts: dict[str, str] = self.model(threads).facts()
        return facts
