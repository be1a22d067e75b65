"""A run as a function: it prints nothing, and returns what was done."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import nsynth_batch.pipeline
from hdfs_jobs.errors import UsageError
from nsynth_batch.pipeline.harvest import harvest
from nsynth_batch.pipeline.run import run
from nsynth_batch.pipeline.signals import Drain
from nsynth_batch.pipeline.steps import step_named
from nsynth_batch.reporting.events import (
    DrainRequested,
    LeaseTaken,
    RunEnded,
    RunEvent,
    RunFailed,
    RunStarted,
)
from nsynth_batch.settings.settings import Settings, load_settings
from tests.nsynth_batch.recordings import write_wav

FILES = sorted(Path(nsynth_batch.pipeline.__file__).parent.glob("*.py"))


def settings(tmp_path: Path, **more: object) -> Settings:
    return load_settings({"store": str(tmp_path / "store"), "workers": 1, **more})


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_the_pipeline_knows_no_command_line_and_prints_nothing(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
            assert not {n for n in names if n.split(".")[0] == "typer"}, file
            assert not {n for n in names if n.startswith("nsynth_batch.commands")}, file
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", file


def test_a_harvest_and_a_step_report_what_they_did(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "in" / "a.wav")
    (tmp_path / "in" / "empty.wav").write_bytes(b"")
    events: list[RunEvent] = []
    taken = harvest(settings(tmp_path), str(tmp_path / "in"), on_event=events.append)
    assert taken.harvest is not None
    assert (taken.harvest.added, taken.exit_code, taken.message) == (2, 0, "")
    assert isinstance(events[0], RunStarted)
    assert LeaseTaken(str(tmp_path / "store")) in events
    assert events[-1] == RunEnded()
    events.clear()
    strict = settings(tmp_path, max_bad_fraction=0.0)
    done = run(strict, [step_named("shard")], on_event=events.append)
    assert [outcome.quarantined for outcome in done.outcomes] == [1]
    assert done.exit_code == 3
    assert done.message.startswith("1 of 2 in audio were quarantined")
    assert events[-1] == RunFailed(3, done.message)
    assert capfd.readouterr() == ("", "")


def test_a_request_to_drain_leaves_the_rest_to_the_next_run(tmp_path: Path) -> None:
    write_wav(tmp_path / "in" / "a.wav")
    assert harvest(settings(tmp_path), str(tmp_path / "in")).exit_code == 0
    drain = Drain()
    drain.request()
    events: list[RunEvent] = []
    done = run(settings(tmp_path), [step_named("shard")], on_event=events.append, drain=drain)
    assert (done.exit_code, done.message) == (143, "")
    assert [outcome.committed for outcome in done.outcomes] == [0]
    assert DrainRequested("SIGTERM", 0) in events
    assert events[-1] == RunEnded(143)


def test_a_store_without_recordings_is_wrong_usage_and_is_logged_as_such(tmp_path: Path) -> None:
    events: list[RunEvent] = []
    with pytest.raises(UsageError, match="not a store"):
        run(settings(tmp_path), [step_named("shard")], on_event=events.append)
    assert isinstance(events[-1], RunFailed)
    assert events[-1].exit_code == 2
