"""A cluster behind HTTPS, as the Kubernetes client finds it."""

from __future__ import annotations

import json
import re
import ssl
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.components.certificates import Authority
from tests.components.kubernetes.controller import TICK, Cluster, Object, Play

TOKEN = "a token for tests"

_BATCH = re.compile(r"/apis/batch/v1/namespaces/([^/]+)/(jobs|cronjobs)(?:/([^/]+))?")
_CORE = re.compile(r"/api/v1/namespaces/([^/]+)/(pods|events)(?:/([^/]+)/log)?")
_KINDS = {"jobs": "Job", "cronjobs": "CronJob"}


@dataclass
class Refusal:
    """Requests that are answered with an error.

    Attributes
    ----------
    method, path
        Which: the path holds the text.
    status, message
        The answer; status 0 closes the connection instead.
    times
        How often.
    """

    method: str
    path: str
    status: int
    message: str
    times: int = 1_000_000


class Kubernetes(Cluster):
    """A cluster, from entering to leaving.

    Parameters
    ----------
    folder : Path
        For certificates and the kubeconfig.
    plays : sequence of Play
        As `Cluster` takes them.

    Attributes
    ----------
    kubeconfig : Path
        Whose token the server knows.
    refusals, cuts
        To be changed at any time; a cut is the number of bytes after which a log breaks off.
    bodies : list of (str, str)
        Methods and texts that came.
    log_requests : list of dict
        The queries that logs were asked with.
    """

    def __init__(self, folder: Path, plays: Sequence[Play] = ()) -> None:
        super().__init__(plays)
        self.refusals: list[Refusal] = []
        self.cuts: list[int] = []
        self.bodies: list[tuple[str, str]] = []
        self.log_requests: list[dict[str, str]] = []
        self.token = TOKEN
        authority = Authority(folder)
        own = authority.issue("kubernetes")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.certificate, own.key)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self.kubeconfig = folder / "kubeconfig"
        self._authority = authority.certificate
        self.write_kubeconfig()

    def write_kubeconfig(self, token: str = TOKEN) -> None:
        """Write the kubeconfig anew, with a token."""
        cluster = {"server": self.url, "certificate-authority": str(self._authority)}
        context = {"cluster": "here", "user": "operator"}
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "here", "cluster": cluster}],
                    "users": [{"name": "operator", "user": {"token": token}}],
                    "contexts": [{"name": "tests", "context": context}],
                    "current-context": "tests",
                }
            )
        )

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(TICK,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer no more."""
        if not self._closed.is_set():
            self._closed.set()
            self._server.shutdown()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: a client that leaves in the middle is what tests are about."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _handler(cluster: Kubernetes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.answer("GET")

        def do_POST(self) -> None:
            self.answer("POST")

        def do_PUT(self) -> None:
            self.answer("PUT")

        def do_DELETE(self) -> None:
            self.answer("DELETE")

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the tests' own output."""

        def answer(self, method: str) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            split = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(split.query).items()}
            if cluster.stopped:
                self.close_connection = True
                return None
            if self.headers.get("Authorization") != f"Bearer {cluster.token}":
                return self.refuse(401, "Unauthorized")
            for refusal in cluster.refusals:
                if (method, True) == (refusal.method, refusal.path in split.path) and refusal.times:
                    refusal.times -= 1
                    if refusal.status == 0:
                        self.close_connection = True
                        return None
                    return self.refuse(refusal.status, refusal.message)
            if text:
                cluster.bodies.append((method, text))
            if found := _BATCH.fullmatch(split.path):
                if found[1] not in cluster.namespaces:
                    return self.refuse(404, f'namespaces "{found[1]}" not found')
                return self.batch(method, found[2], found[3], text)
            found = _CORE.fullmatch(split.path)
            if found is None or method != "GET":
                return self.refuse(404, "the server could not find the requested resource")
            if found[3]:
                return self.log(found[3], query)
            return self.listed(found[2], query)

        def batch(self, method: str, resource: str, name: str | None, text: str) -> None:
            kind = _KINDS[resource]
            given = yaml.safe_load(text) if text else None
            name = name or given["metadata"]["name"]
            with cluster.lock:
                there = cluster.objects.get((kind, name))
                if method == "POST":
                    if there is not None:
                        return self.refuse(409, f'{resource}.batch "{name}" already exists')
                    return self.send(201, cluster.add(given))
                if there is None:
                    return self.refuse(404, f'{resource}.batch "{name}" not found')
                metadata = there["metadata"]
                if method == "PUT":
                    if given["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
                        return self.refuse(409, "the object has been modified")
                    there["spec"] = given["spec"]
                    metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
                if method == "DELETE":
                    if given["preconditions"]["uid"] != metadata["uid"]:
                        return self.refuse(409, "the UID in the precondition is another")
                    cluster.remove(kind, name)
                return self.send(200, there)

        def listed(self, what: str, query: dict[str, str]) -> None:
            with cluster.lock:
                if what == "events":
                    uid = query["fieldSelector"].removeprefix("involvedObject.uid=")
                    found = [e for e in cluster.events if e["involvedObject"]["uid"] == uid]
                else:
                    job = query["labelSelector"].removeprefix("job-name=")
                    pods = [o for (kind, _), o in cluster.objects.items() if kind == "Pod"]
                    found = [p for p in pods if p["metadata"]["labels"]["job-name"] == job]
                self.send(200, {"kind": "List", "items": found})

        def log(self, name: str, query: dict[str, str]) -> None:
            cluster.log_requests.append(query)
            if ("Pod", name) not in cluster.objects:
                return self.refuse(404, f'pods "{name}" not found')
            since = query.get("sinceTime")
            begin = None if since is None else datetime.fromisoformat(since)
            room = cluster.cuts.pop(0) if cluster.cuts else None
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            assert query["timestamps"] == "true"
            for line in cluster.written(name, begin, query["follow"] == "true"):
                part = line if room is None else line[:room]
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                if room is not None:
                    room -= len(part)
                    if room == 0:
                        self.close_connection = True
                        return None
            self.wfile.write(b"0\r\n\r\n")
            return None

        def refuse(self, status: int, message: str) -> None:
            self.send(status, {"kind": "Status", "code": status, "message": message})

        def send(self, status: int, answer: Object) -> None:
            with cluster.lock:
                body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
