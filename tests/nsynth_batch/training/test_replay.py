"""What a replay refuses; that it gives the same bytes is seen where there are workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.updates import Applied
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.weights import CheckpointError
from nsynth_batch.training.corpus_file import publish_corpus
from nsynth_batch.training.gradients import TrainingRounds
from nsynth_batch.training.replay import replay
from nsynth_batch.training.update_log import NAME, Began, UpdateLog
from tests.nsynth_batch.training.small_trainings import STEPS, corpus, frames


def test_a_log_of_another_training_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How many threads TensorFlow has here hangs on the tests before; no bits are compared.
    monkeypatch.setattr(TrainingRounds, "_check", lambda self, where: None)
    made = frames(tmp_path / "made", exchange="async")
    storage = open_storage(made.url)
    begins = [Began(0, publish_corpus(corpus(), storage), STEPS, made.options.decay_steps)]
    UpdateLog(made.made_by, begins, [Applied(0, 0)]).write(storage)
    log = str(tmp_path / "made" / NAME)
    # With other options the same log would give another model.
    for name, options in (("batch 10", {"batch": 8}), ("decay_steps", {"decay_steps": 3})):
        other = frames(tmp_path / "other", exchange="async", **options)
        with pytest.raises(UsageError, match=rf"options or recordings \({name}\); give those"):
            replay(other, corpus(), log)
    other = frames(tmp_path / "other", exchange="async")
    (tmp_path / "a file").write_text("{}\n")
    with pytest.raises(CheckpointError, match="not the log of an asynchronous training"):
        replay(other, corpus(), str(tmp_path / "a file"))
    assert not list((tmp_path / "other").glob("*.safetensors"))
    # What was begun by itself is not gone on with by a log.
    other.step = 1
    other.save()
    with pytest.raises(UsageError, match="holds a training that is none of"):
        replay(frames(tmp_path / "other", exchange="async"), corpus(), log)
