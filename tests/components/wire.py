"""A wire to a real server that passes everything on, and loses what it is told to lose."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress


class Wire:
    """A TCP relay on loopback; a context manager that ends it.

    Parameters
    ----------
    host, port
        The real server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._lost: list[bytes] = []
        self._forgotten: list[bytes] = []
        self.losses = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def lose_answer(self, marker: bytes) -> None:
        """Cut the connection when the answer comes to the next request that holds some bytes."""
        self._lost.append(marker)

    def forget(self, part: bytes) -> None:
        """Leave some bytes out of every request, as a server does that does not know them."""
        self._forgotten.append(part)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        doomed = False
        with (
            client,
            socket.create_connection(self._server) as server,
            selectors.DefaultSelector() as ready,
            suppress(OSError),
        ):
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    from_client = key.fileobj is client
                    data = (client if from_client else server).recv(1 << 16)
                    if not data:
                        return
                    if doomed and not from_client:
                        self.losses += 1
                        return
                    if from_client and self._lost and self._lost[0] in data:
                        self._lost.pop(0)
                        doomed = True
                    for part in self._forgotten:
                        data = data.replace(part, b"")
                    key.data.sendall(data)
