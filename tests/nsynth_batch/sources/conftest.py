"""A real wiki with real recordings, and a proxy before it that can fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.components.faults import FaultProxy
from tests.components.mediawiki import Wiki
from tests.components.needs import need
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
