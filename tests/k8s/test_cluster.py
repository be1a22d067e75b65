"""The cluster and the run of the manifests, by their own command lines, as processes here."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from distributed import Client

import nsynth_batch
from tests.components.certificates import Authority
from tests.components.needs import need
from tests.k8s.commands import Command, component_command, settings_text
from tests.k8s.rendering import overlay
from tests.waiting import until

RECORDINGS = Path(nsynth_batch.__file__).parent / "recordings"
_READY_SECONDS = 60.0


class Stage:
    """Where the containers of an overlay are played: this machine's ports and folders for theirs.

    Parameters
    ----------
    folder : Path
        For all that pods would mount.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("work", "store", "etc/tls"):
            (folder / name).mkdir(parents=True)
        authority = Authority(folder / "authority")
        node = authority.issue("node")
        for name, made in (
            ("ca.crt", authority.certificate),
            ("tls.crt", node.certificate),
            ("tls.key", node.key),
        ):
            (folder / "etc/tls" / name).write_bytes(made.read_bytes())
        self.ports = {port: _free_port() for port in ("8786", "8787", "8788", "8789", "8790")}
        self.ports["9108"] = "0"

    def here(self, text: str) -> str:
        """Put this machine's places where a text has those of a pod."""
        text = text.replace("/etc/nsynth-batch", str(self._folder / "etc"))
        text = re.sub(r"(?<![\w/])/(work|store)\b", str(self._folder) + r"/\1", text)
        text = text.replace("nsynth-batch-scheduler:", "127.0.0.1:")
        return re.sub(r"\b(8786|8787|8788|8789|8790|9108)\b", lambda f: self.ports[f[0]], text)

    def write_settings(self, text: str) -> None:
        """Mount the ConfigMap."""
        (self._folder / "etc/nsynth-batch.toml").write_text(self.here(text), encoding="utf-8")

    def start(
        self, command: Command, words: Sequence[str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start what a container runs, or something else beside it."""
        program, *arguments = map(self.here, words or command.words)
        return subprocess.Popen(
            [Path(sys.executable).with_name(program), *arguments],
            env={**os.environ, **{n: self.here(v) for n, v in command.environment.items()}},
            cwd=self._folder / "work",
            stdin=subprocess.DEVNULL,
            stdout=(self._folder / "out").open("ab"),
            stderr=subprocess.STDOUT,
        )

    @contextmanager
    def running(self, command: Command) -> Iterator[subprocess.Popen[bytes]]:
        """Start a container and wait for its startup probe; stop it as a kubelet does."""
        probe = command.container["startupProbe"]["httpGet"]
        (port,) = [
            port["containerPort"]
            for port in command.container["ports"]
            if port["name"] == probe["port"]
        ]
        process = self.start(command)
        try:
            self._await(f"http://127.0.0.1:{self.ports[str(port)]}{probe['path']}", process)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _await(self, url: str, process: subprocess.Popen[bytes]) -> None:
        def answers() -> bool:
            with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
            return False

        def failed() -> str:
            return "" if process.poll() is None else f"{url} does not answer: {self.said()}"

        until(answers, _READY_SECONDS, failed=failed, pause=0.1)

    def said(self) -> str:
        """Give what all of them said."""
        return (self._folder / "out").read_text(encoding="utf-8", errors="replace")


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_the_cluster_does_the_run(tmp_path: Path) -> None:
    need("kubectl")
    manifests = overlay("dev")
    stage = Stage(tmp_path)
    stage.write_settings(settings_text(manifests))
    run, worker = component_command(manifests, "driver"), component_command(manifests, "worker-cpu")
    few = tmp_path / "few"
    few.mkdir()
    for name in ("misc_crow.flac", "perc_door.flac"):
        (few / name).write_bytes((RECORDINGS / name).read_bytes())
    with stage.running(component_command(manifests, "scheduler")), stage.running(worker) as first:
        with pytest.raises(OSError, match=r"reset|Timed out"):
            Client(f"tcp://127.0.0.1:{stage.ports['8786']}", timeout=2)
        driver = stage.start(run, ["nsynth-batch", "run", str(few), "--pairs=1"])
        assert driver.wait(120) == 0, stage.said()
        hook = worker.container["lifecycle"]["preStop"]["exec"]["command"]
        assert stage.start(worker, hook).wait(30) == 0, stage.said()
        assert first.poll() is None
    assert list((tmp_path / "store/sounds/clips").glob("*/*.parquet"))
    assert first.returncode == 0, stage.said()
