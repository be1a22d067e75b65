"""Which line and exit code an error becomes."""

from __future__ import annotations

import errno

import pytest

from hdfs_jobs.errors import InfrastructureError, JobError, UsageError
from nsynth_batch.errors import CommandError, failure
from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.weights import CheckpointError
from sequencer.errors import AudioError, SequencerError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("say this"), 2),
        (SequencerError("say this"), 2),
        (AudioError("truncated", "say this"), 2),
        (CheckpointError("say this"), 2),
        (EngineUnavailableError("say this"), 2),
        (FileNotFoundError(errno.ENOENT, "say this", "file"), 2),
        (PermissionError(errno.EACCES, "say this", "file"), 2),
        (OSError(errno.ENOSPC, "say this"), 75),
        (ConnectionResetError("say this"), 75),
        (InfrastructureError("say this"), 75),
        (CommandError("say this", 3), 3),
        (JobError("say this"), 1),
        (ValueError("say\nthis"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(error: BaseException, code: int) -> None:
    found = failure(error)
    assert found.exit_code == code
    assert "\n" not in found.message
    assert isinstance(error, KeyboardInterrupt) or "say this" in found.message


def test_what_nobody_expected_names_its_place() -> None:
    try:
        {}["missing"]
    except KeyError as error:
        found = failure(error)
    assert found.message.startswith("unexpected KeyError in test_what_nobody")
    assert "--verbose" in found.message


def test_a_read_only_store_is_settled_and_a_full_disk_is_not() -> None:
    read_only = failure(OSError(errno.EROFS, "Read-only file system", "store/x"))
    assert read_only.exit_code == 2
    assert "choose a place that can be written" in read_only.message
    full = failure(OSError(errno.ENOSPC, "No space left on device"))
    assert full.exit_code == 75
    assert "make room" in full.message
