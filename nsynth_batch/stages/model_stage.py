"""What the stages that run a model have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nsynth_batch.models.loading import open_model
from nsynth_batch.models.model import Autoencoder
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

    def model(self, threads: int) -> Autoencoder:
        """Return the model in this process; `threads` are those that a task has."""
        model: Autoencoder = open_model(replace(self.spec, threads=self.spec.threads or threads))
        return model

    def facts(self, threads: int) -> dict[str, str]:
        """Return what runs the model in this process."""
        return self.model(threads).facts()
