from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nsynth_batch.cli import main
from tests.components.kubernetes import Kubernetes

STORE = "hdfs://namenode:8020/sounds"


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[Kubernetes]:
    with Kubernetes(tmp_path / "kubernetes") as running:
        yield running


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        return self.err.splitlines()[-1]


Submit = Callable[..., Done]


@pytest.fixture
def submit(kubernetes: Kubernetes, capsys: pytest.CaptureFixture[str]) -> Submit:
    """Run `submit` against the cluster: its own flags, then the command."""

    def run(*flags: str, command: tuple[str, ...] = ("run", "--store", STORE)) -> Done:
        code = main(["submit", "--kubeconfig", str(kubernetes.kubeconfig), *flags, *command])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run
