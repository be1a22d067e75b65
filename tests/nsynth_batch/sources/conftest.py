"""A real wiki and a plain server with recordings, and a proxy before each that can fail."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.components.faults import FaultProxy
from tests.components.mediawiki import Wiki
from tests.components.needs import need
from tests.nsynth_batch.recordings import write_wav
from tests.nsynth_batch.sources.wikis import fill


@pytest.fixture(scope="session")
def wiki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wiki]:
    """MediaWiki with what `fill` puts there; tests change files of their own alone."""
    need("mediawiki")
    wiki = Wiki(tmp_path_factory.mktemp("wiki") / "wiki")
    try:
        fill(wiki, tmp_path_factory.mktemp("uploads"))
        yield wiki
    finally:
        wiki.stop()


@pytest.fixture(scope="session")
def _front(wiki: Wiki) -> Iterator[FaultProxy]:
    proxy = FaultProxy(wiki.host)
    yield proxy
    proxy.stop()


@pytest.fixture
def front(_front: FaultProxy) -> FaultProxy:
    """The wiki as harvests see it; nothing fails yet."""
    _front.reset()
    return _front


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A plain web server of the folder `site`, with two recordings and a page."""
    monkeypatch.setenv("NSYNTH_BATCH_HARVEST_BACKOFF", "0.05")
    monkeypatch.setenv("NSYNTH_BATCH_HARVEST_PAUSE", "0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("one", "ø 2"):
        write_wav(tmp_path / "site" / f"{name}.wav")
    (tmp_path / "site" / "page.html").write_text("<html>no sound")
    handler = functools.partial(_Quiet, directory=str(tmp_path / "site"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    proxy = FaultProxy(f"127.0.0.1:{server.server_address[1]}")
    yield proxy
    proxy.stop()
    server.shutdown()
    server.server_close()
