"""Serves again what ports of this machine last answered, so that who asks need not be quick."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from tests.components.prometheus import LOOPBACK


class Relay:
    """The figures of several pods, asked for by `ask` and kept when a pod ends.

    Attributes
    ----------
    ports : mapping of str to int
        Where the figures of each pod are served again, by its name.
    exposed : dict of str to str
        What each has answered last.
    """

    def __init__(self, pods: Mapping[str, int], stack: ExitStack) -> None:
        self._pods = pods
        self.exposed: dict[str, str] = {}
        self.ports = {pod: self._serve(pod, stack) for pod in pods}

    def ask(self) -> None:
        """Ask every pod; one where nobody listens, any more or not yet, is left as it was."""
        for pod, port in self._pods.items():
            try:
                answer = requests.get(f"http://{LOOPBACK}:{port}/metrics", timeout=30)
            except requests.ConnectionError:
                continue
            answer.raise_for_status()
            self.exposed[pod] = answer.text

    def _serve(self, pod: str, stack: ExitStack) -> int:
        exposed = self.exposed

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = exposed.get(pod)
                self.send_response(200 if text else 503)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write((text or "").encode())

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

        server = stack.enter_context(ThreadingHTTPServer((LOOPBACK, 0), Handler))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        return server.server_address[1]


@contextmanager
def relay(pods: Mapping[str, int]) -> Iterator[Relay]:
    """Serve the figures of pods again, by the ports that these listen on."""
    with ExitStack() as stack:
        yield Relay(pods, stack)
