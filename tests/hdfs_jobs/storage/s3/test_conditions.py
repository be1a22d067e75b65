"""A server that ignores conditions is found out before the first write, and refused."""

from __future__ import annotations

import pytest

from hdfs_jobs.storage.base import UnsuitableError
from hdfs_jobs.storage.s3.conditions import ABSENT, Condition, Server, server_of
from hdfs_jobs.storage.s3.storage import S3Storage
from tests.components.faults import Fault, FaultProxy
from tests.components.s3 import S3Server
from tests.hdfs_jobs.storage.s3.conftest import storage_at

WRITTEN = Fault(200, {"ETag": '"0123456789abcdef0123456789abcdef"'})


class Model:
    """A server in memory that honours some kinds of conditions."""

    def __init__(self, *, absent: bool, swaps: bool, quoted: bool) -> None:
        self._absent, self._swaps, self._quoted = absent, swaps, quoted
        self._version = 0

    def tag(self) -> str:
        return f'"{self._version}"'

    def written(self, condition: Condition) -> bool:
        taken = condition == ABSENT and self._version > 0 and self._absent
        wished = self.tag() if self._quoted else self.tag().strip('"')
        changed = "IfMatch" in condition and condition["IfMatch"] != wished and self._swaps
        if not (taken or changed):
            self._version += 1
        return not (taken or changed)


@pytest.mark.parametrize("absent", [True, False])
@pytest.mark.parametrize("swaps", [True, False])
@pytest.mark.parametrize("quoted", [True, False])
def test_a_server_is_proven_by_what_it_refuses(absent: bool, swaps: bool, quoted: bool) -> None:
    model, server = Model(absent=absent, swaps=swaps, quoted=quoted), Server()
    if absent and swaps:
        server.prove("s3://bucket", model.written, model.tag)
        assert (server.proven, server.quotes) == (True, quoted)
        assert server.unchanged('"a"') == {"IfMatch": '"a"' if quoted else "a"}
    else:
        with pytest.raises(UnsuitableError, match=r"ignores conditions.*keep the store on"):
            server.prove("s3://bucket", model.written, model.tag)
        assert not server.proven


@pytest.mark.parametrize("refused", [1, 2])
def test_a_server_that_ignores_conditions_is_refused_at_the_first_write(
    proxied: tuple[S3Storage, FaultProxy], refused: int
) -> None:
    """Its second write onto a name, or the one with another tag, is answered as the first was."""
    storage, proxy = proxied
    for act in (
        lambda: storage.publish("file", b""),
        lambda: storage.replace("file", b""),
        lambda: storage.replace_if("file", b"", b"new"),
    ):
        proxy.reset()
        ignored = [Fault()] * refused + [WRITTEN] * 9
        proxy.fail("PUT ", *ignored)
        with pytest.raises(UnsuitableError, match="ignores conditions") as caught:
            act()
        assert caught.value.exit_code == 2
        assert "\n" not in str(caught.value)
    proxy.reset()
    assert list(storage.walk(temporary=True)) == []


def test_what_servers_honour(
    ceph: S3Server, versitygw: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/s3.md has it."""
    known = {}
    for server in (ceph, versitygw):
        server.set_up(monkeypatch)
        storage = storage_at(server)
        storage.publish("file", b"")
        completes = storage._completes()
        known[type(server).__name__] = server_of("recordings").quotes, completes
    assert known == {"Ceph": (False, False), "VersityGateway": (True, True)}
