"""A proxy on loopback before a real server: it notes what it sees, and fails as it is told."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, Protocol

_BLOCK = 1 << 15
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class Fault:
    """What goes wrong with an answer.

    Attributes
    ----------
    status, headers, body
        Sent in place of the real answer, where a status is given. A header may be a function,
        which is called when the answer is sent.
    delay
        Seconds before the answer begins.
    cut_after
        Bytes of the body after which the connection is closed.
    hide_length
        Whether the answer has no Content-Length, and ends where the connection does.
    add_to_length
        Added to the Content-Length and to the body; bytes are left out where it is negative.
    flip
        Whether a byte in the middle is another.
    pace
        Seconds between blocks, and bytes a block.
    halfway
        Called when half of the body was sent.
    strip_range
        Whether the request's Range is kept from the real server.
    withheld
        Called in place of asking the real server; the connection is closed without an answer.
    unanswered
        Called when the real server has answered; the connection is closed without an answer.
    """

    status: int | None = None
    headers: Mapping[str, str | Callable[[], str]] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    cut_after: int | None = None
    hide_length: bool = False
    add_to_length: int = 0
    flip: bool = False
    pace: tuple[float, int] | None = None
    halfway: Callable[[], object] | None = None
    strip_range: bool = False
    withheld: Callable[[], object] | None = None
    unanswered: Callable[[], object] | None = None


MAXLAG = Fault(
    200,
    {"Retry-After": "1", "MediaWiki-API-Error": "maxlag", "Content-Type": "application/json"},
    json.dumps({"error": {"code": "maxlag", "info": "Waiting for a host: 9 seconds"}}).encode(),
)


@dataclass
class Seen:
    """A request as the proxy saw it; times are seconds of one clock.

    `ended` is when the last of the body was handed over: who asked cannot have had it before.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    started: float
    ended: float = 0.0
    status: int = 0
    sent: list[tuple[float, int]] = field(default_factory=list)

    @property
    def is_file(self) -> bool:
        """Whether it asked for a file."""
        return self.path.startswith("/img_auth.php")

    @property
    def bytes(self) -> int:
        """How much of a body it got."""
        return sum(count for _, count in self.sent)


class Readable(Protocol):
    """What a body is read from."""

    def read(self, amt: int, /) -> bytes: ...


class FaultProxy:
    """The proxy; each request is served by a thread of its own.

    Parameters
    ----------
    upstream : str
        Host and port of the real server.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.seen: list[Seen] = []
        self._rules: list[tuple[str, list[Fault]]] = []
        self._every_other: list[tuple[str, Fault, set[str]]] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.api = f"http://{self.host}/api.php"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def fail(self, path: str, *faults: Fault, times: int = 1) -> None:
        """Let the next requests with some text in method and path fail, each fault so often."""
        with self._lock:
            self._rules.append((path, [fault for fault in faults for _ in range(times)]))

    def fail_every_other(self, path: str, fault: Fault) -> None:
        """Let all requests with some text in method and path fail, but for their repetitions."""
        with self._lock:
            self._every_other.append((path, fault, set()))

    def reset(self) -> None:
        """Forget what was seen and what was to fail."""
        with self._lock:
            self.seen.clear()
            self._rules.clear()
            self._every_other.clear()

    def files(self, name: str = "") -> list[Seen]:
        """Give the requests for files seen, by part of the path."""
        return [seen for seen in list(self.seen) if seen.is_file and name in seen.path]

    def most_at_once(self, *, files: bool) -> int:
        """Give how many requests were answered at once at most."""
        chosen = [seen for seen in self.seen if seen.is_file == files]
        steps = [(seen.started, 1) for seen in chosen] + [(seen.ended, -1) for seen in chosen]
        now = most = 0
        for _, step in sorted(steps):
            now += step
            most = max(most, now)
        return most

    def most_bytes_in(self, seconds: float) -> int:
        """Give how many bytes of files were sent in any stretch of time at most."""
        sent = sorted(one for seen in self.files() for one in seen.sent)
        most = inside = first = 0
        for at, count in sent:
            inside += count
            while sent[first][0] < at - seconds:
                inside -= sent[first][1]
                first += 1
            most = max(most, inside)
        return most

    def take_fault(self, path: str) -> Fault:
        """Give what is to go wrong with a request, once."""
        with self._lock:
            for part, faults in self._rules:
                if part in path and faults:
                    return faults.pop(0)
            for part, fault, failed in self._every_other:
                if part in path and path not in failed:
                    failed.add(path)
                    return fault
                failed.discard(path)
        return Fault()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: some are killed on purpose."""


def _handler_of(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two writes, of which the second would wait for the client.
        disable_nagle_algorithm = True

        def setup(self) -> None:
            # What the kernel holds was not asked for yet: a little of it, so that times are true.
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
            super().setup()

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

        def do_GET(self) -> None:
            self._serve()

        def do_HEAD(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def _serve(self) -> None:
            seen = Seen(self.command, self.path, dict(self.headers), time.monotonic())
            proxy.seen.append(seen)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = proxy.take_fault(f"{self.command} {self.path}")
            time.sleep(fault.delay)
            try:
                if fault.withheld is not None:
                    fault.withheld()
                    self.close_connection = True
                elif fault.status is not None:
                    self._begin(seen, fault.status, fault.headers, len(fault.body))
                    self._send(seen, fault.body)
                else:
                    self._pass_on(seen, body, fault)
            finally:
                seen.ended = seen.ended or time.monotonic()

        def _pass_on(self, seen: Seen, body: bytes, fault: Fault) -> None:
            with self._ask(body, fault) as answer:
                if fault.unanswered is not None:
                    answer.read()
                    fault.unanswered()
                    self.close_connection = True
                    return
                headers = {
                    name: value
                    for name, value in answer.getheaders()
                    if name.lower() not in _HOP_BY_HOP
                }
                length = answer.length
                # A script's answer ends where the connection does: it is short, and read whole.
                body = BytesIO(answer.read()) if length is None else answer
                length = len(body.getvalue()) if isinstance(body, BytesIO) else answer.length
                said = None if fault.hide_length else (length or 0) + fault.add_to_length
                if self.command == "HEAD":
                    said = int(answer.headers.get("Content-Length", 0))
                self._begin(seen, answer.status, headers, said)
                self._stream(seen, body, length or 0, fault)

        @contextmanager
        def _ask(self, body: bytes, fault: Fault) -> Iterator[http.client.HTTPResponse]:
            connection = http.client.HTTPConnection(proxy.upstream, timeout=60)
            headers = dict(self.headers.items())
            if fault.strip_range:
                headers.pop("Range", None)
            try:
                connection.request(self.command, self.path, body or None, headers)
                yield connection.getresponse()
            finally:
                connection.close()

        def _stream(self, seen: Seen, answer: Readable, length: int, fault: Fault) -> None:
            wait, block = fault.pace or (0.0, _BLOCK)
            sent = 0
            halfway = fault.halfway
            while sent < length:
                data = answer.read(block)
                if not data:
                    break
                if fault.flip:
                    data, fault = bytes([data[0] ^ 1]) + data[1:], replace(fault, flip=False)
                if fault.cut_after is not None and sent + len(data) > fault.cut_after:
                    self._send(seen, data[: fault.cut_after - sent])
                    self.close_connection = True
                    return
                sent += len(data)
                if halfway is not None and 2 * sent >= length:
                    halfway()
                    halfway = None
                if sent >= length and fault.add_to_length:
                    data = (data + bytes(max(0, fault.add_to_length)))[
                        : len(data) + fault.add_to_length
                    ]
                time.sleep(wait)
                if sent >= length:
                    seen.ended = time.monotonic()
                self._send(seen, data)

        def _begin(
            self,
            seen: Seen,
            status: int,
            headers: Mapping[str, str | Callable[[], str]],
            length: int | None,
        ) -> None:
            seen.status = status
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value if isinstance(value, str) else value())
            if length is None:
                self.send_header("Connection", "close")
            else:
                self.send_header("Content-Length", str(length))
            self.end_headers()

        def _send(self, seen: Seen, data: bytes) -> None:
            if not seen.is_file or seen.status not in (200, 206):
                seen.ended = time.monotonic()
            self.wfile.write(data)
            seen.sent.append((time.monotonic(), len(data)))

    return Handler
