"""Figures of a training: what reports and listening points make of them."""

from __future__ import annotations

import threading

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from nsynth_batch.reporting.training_metrics import TrainingMetrics
from nsynth_batch.training.options import TrainingProgress


def test_reports_and_listening_points_add_up() -> None:
    stop = threading.Event()
    metrics = TrainingMetrics(stop)
    # While an encoder learns alone there is no loss.
    metrics.report(TrainingProgress(100, 300, None, 0.5, 2000.0), "nll", 4000)
    metrics.report(
        TrainingProgress(200, 300, 2.5, None, 1000.0, {"bits": 3.6}, 0.25, {0: 3, 5: 2}),
        "nll",
        4000,
    )
    metrics.listened({"pitch_kept": 0.75, "score": 0.5})
    stop.set()
    text = generate_latest(metrics.registry).decode()
    found = {
        (sample.name.removeprefix("nsynth_batch_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    wanted = {
        ("training_step",): 200,
        ("training_last_step",): 300,
        ("training_loss", "nll"): 2.5,
        ("training_loss", "auxiliary"): 0.5,
        ("training_loss", "bits"): 3.6,
        ("training_samples_per_second",): 1000,
        ("training_samples_total",): 8000,
        ("training_exchange_ratio",): 0.25,
        ("training_staleness_updates_bucket", "0.0"): 3,
        ("training_staleness_updates_bucket", "4.0"): 3,
        ("training_staleness_updates_bucket", "8.0"): 5,
        ("training_staleness_updates_sum",): 10,
        ("training_listening_score", "pitch_kept"): 0.75,
        ("training_listening_score", "score"): 0.5,
        ("draining",): 1,
    }
    assert {name: found[name] for name in wanted} == wanted
