"""How far a training is, as the figures that Prometheus asks for while it works."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from prometheus_client import Histogram

from nsynth_batch.reporting.metrics import ProcessMetrics
from nsynth_batch.training.options import TrainingProgress

_STALENESS = (0, 1, 2, 4, 8, 16, 32, 64)


class TrainingMetrics(ProcessMetrics):
    """The figures of one training.

    Parameters
    ----------
    stop : threading.Event
        Set once the training was asked to stop.
    """

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(stop)
        gauge = self.gauge
        self._step = gauge("training_step", "The step that was reported last.")
        self._steps = gauge("training_last_step", "The step at which the training ends.")
        self._loss = gauge("training_loss", "Mean loss since the last report.", ("kind",))
        self._speed = gauge(
            "training_samples_per_second", "Samples of audio learned a second of wall time."
        )
        self._samples = self.counter("training_samples", "Samples of audio learned by this run.")
        self._share = gauge(
            "training_exchange_ratio", "The part of the workers' time without a gradient."
        )
        self._staleness = self.own(Histogram)(
            "training_staleness_updates",
            "Gradients of others between the weights that one began from and itself.",
            buckets=_STALENESS,
        )
        self._listening = gauge(
            "training_listening_score", "What the last listening point measured.", ("measure",)
        )

    def report(self, progress: TrainingProgress, loss_name: str, samples: int) -> None:
        """Take a report of a training.

        Parameters
        ----------
        progress : TrainingProgress
        loss_name : str
            What its loss is called.
        samples : int
            Learned since the report before, or since this run began.
        """
        self.last_progress.set_to_current_time()
        self._step.set(progress.step)
        self._steps.set(progress.steps)
        losses = {loss_name: progress.loss, "auxiliary": progress.auxiliary, **progress.beside}
        for kind, loss in losses.items():
            if loss is not None:
                self._loss.labels(kind).set(loss)
        self._speed.set(progress.samples_per_second)
        self._samples.inc(samples)
        if progress.exchange_share is not None:
            self._share.set(progress.exchange_share)
        for by, count in progress.staleness.items():
            for _ in range(count):
                self._staleness.observe(by)

    def listened(self, measures: Mapping[str, float]) -> None:
        """Take what a listening point measured: of held-out recordings where there are any."""
        self.last_progress.set_to_current_time()
        for name, value in measures.items():
            self._listening.labels(name).set(value)
