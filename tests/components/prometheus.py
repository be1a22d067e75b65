"""A real Prometheus on loopback, and its tool that checks rules and figures."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.components.needs import program

LOOPBACK = "127.0.0.1"
_READY_SECONDS = 60.0


def free_port() -> int:
    """Give a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def promtool(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run Prometheus's own tool."""
    return subprocess.run(
        [str(program("promtool")), *words], input=stdin, capture_output=True, text=True, check=False
    )


class Prometheus:
    """A server that was started, and what it knows."""

    def __init__(self, url: str, begun: float) -> None:
        self._url = url
        self._begun = begun

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Give every series that an expression had from the server's start to now."""
        times = {"start": str(self._begun), "end": str(time.time()), "step": "0.5"}
        data = self._get("query_range", {"query": expression, **times})
        found: list[dict[str, Any]] = data["result"]
        return found

    def last(self, expression: str) -> dict[str, float]:
        """Give the last value that each series of an expression had, by its label ``stage``."""
        return {
            series["metric"].get("stage", ""): float(series["values"][-1][1])
            for series in self.query(expression)
        }

    def rules(self) -> list[dict[str, Any]]:
        """Give the alerts that it evaluates, each with its ``health``."""
        return [rule for group in self._get("rules", {})["groups"] for rule in group["rules"]]

    def _get(self, what: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        answer = requests.get(f"{self._url}/api/v1/{what}", params=parameters, timeout=30)
        content: dict[str, Any] = answer.json()
        if content["status"] != "success":
            raise ValueError(f"{parameters}: {content['error']}")
        data: dict[str, Any] = content["data"]
        return data


@contextmanager
def prometheus(
    folder: Path, targets: Mapping[str, int], rules: Mapping[str, Any]
) -> Iterator[Prometheus]:
    """Start a server that asks ports of this machine twice a second.

    Parameters
    ----------
    folder : Path
        For its configuration and data.
    targets : mapping of str to int
        Ports to ask, by the name of the pod that they are to be taken for.
    rules : mapping
        A rule file's content.
    """
    folder.mkdir(parents=True)
    (folder / "rules.yml").write_text(json.dumps(rules))
    configuration = {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {
                "job_name": "nsynth-batch",
                "static_configs": [
                    {
                        "targets": [f"{LOOPBACK}:{port}"],
                        "labels": {"namespace": "nsynth-batch", "pod": pod},
                    }
                    for pod, port in targets.items()
                ],
            }
        ],
    }
    # JSON is YAML.
    (folder / "prometheus.yml").write_text(json.dumps(configuration))
    port, begun = free_port(), time.time()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(program("prometheus")),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={LOOPBACK}:{port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://{LOOPBACK}:{port}"
        _wait(process, f"{url}/-/ready", folder / "log")
        yield Prometheus(url, begun)
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"prometheus did not start: {log.read_text()}")
        time.sleep(0.1)
