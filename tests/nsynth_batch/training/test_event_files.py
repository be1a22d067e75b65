from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from nsynth_batch.training.event_files import NAME, event_file
from nsynth_batch.training.log import TrainingLog

Read = list[tuple[int, str, float]]


def scalars(path: Path) -> Read:
    events = list(tf.compat.v1.train.summary_iterator(str(path)))
    assert events[0].file_version == "brain.Event:2"
    return [
        (event.step, value.tag, value.simple_value)
        for event in events
        for value in event.summary.value
    ]


def test_each_value_of_the_log_is_a_scalar_of_its_step(tmp_path: Path) -> None:
    records = [
        {"step": 100, "steps": 200, "nll": 3.5, "time": 7.0},
        {"step": 200, "staleness": {"1": 9}},
    ]
    path = tmp_path / "events"
    path.write_bytes(event_file(records))
    assert scalars(path) == [(100, "nll", 3.5), (200, "staleness/1", 9.0)]
    times = [event.wall_time for event in tf.compat.v1.train.summary_iterator(str(path))]
    assert times == [0.0, 7.0, 0.0]
    assert event_file(records) == path.read_bytes()


def test_a_resumed_training_has_each_step_once_in_its_events(tmp_path: Path) -> None:
    log = TrainingLog(str(tmp_path), tensorboard=True)
    for step in (100, 200, 300):
        log.add(step=step, nll=1.0, auxiliary=None)
    again = TrainingLog(str(tmp_path), step=200, tensorboard=True)
    again.add(step=300, nll=2.0)
    assert scalars(tmp_path / NAME) == [(100, "nll", 1.0), (200, "nll", 1.0), (300, "nll", 2.0)]
    assert again.records[0]["time"] == pytest.approx(log.records[0]["time"])


def test_no_events_are_written_unless_asked_for(tmp_path: Path) -> None:
    TrainingLog(str(tmp_path)).add(step=100, nll=1.0)
    assert not (tmp_path / NAME).exists()
