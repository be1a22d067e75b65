"""Every request of a job fails, in every way that requests do; or its process is killed there."""

from __future__ import annotations

import re
import signal
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.gc import collect_garbage
from hdfs_jobs.storage import remote
from hdfs_jobs.storage.s3 import transfers
from tests.components.faults import Fault, FaultProxy, Seen
from tests.components.s3 import SERVERS, S3Server
from tests.hdfs_jobs.builders import begun, data_of, ended, kinds_of_files, lasting
from tests.system.s3.whole_job import LARGE, SMALL_PART, do_job
from tests.waiting import until

WRITING = {"PUT", "POST", "DELETE"}
PARTS = 2
"""Of the requests at which a process is killed, each by a test of its own."""


def refusal(status: int, code: str) -> Fault:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>"
    return Fault(status, {"Content-Type": "application/xml"}, body.encode())


def nothing() -> None:
    """Let a process live."""


def kill(started: list[BaseProcess]) -> None:
    """Kill a process; the thread that calls it may be there before that is known."""
    until(lambda: started)[0].kill()


FAULTS = {
    "lost request": (" /", Fault(withheld=nothing)),
    "lost answer": (" /", Fault(unanswered=nothing)),
    "half an answer": ("GET /", Fault(cut_after=20)),
    "SlowDown": (" /", refusal(503, "SlowDown")),
    "conflict": (" /", refusal(409, "ConditionalRequestConflict")),
    "InternalError": (" /", refusal(500, "InternalError")),
}
"""What goes wrong, and with which requests."""


@dataclass(frozen=True)
class Content:
    """What a store holds for its readers, without what differs from attempt to attempt."""

    shards: dict[int, tuple[dict[str, object], bytes]]
    large: bytes | None

    @classmethod
    def of(cls, url: str) -> Content:
        """Read all of it, and see that it is whole."""
        store = Store.open(url)
        dataset = store.current_of("plain")
        shards = {}
        if dataset is not None:
            assert list(dataset.verify()) == []
            shards = {
                number: (lasting(dataset.manifest(number)), data_of(dataset, number))
                for number in dataset.committed()
            }
        large = "raw/large"
        made = store.storage.exists(large)
        return cls(shards, store.storage.read_bytes(large) if made else None)


@dataclass(frozen=True)
class Whole:
    """What a job that nothing disturbs comes to, and what it asks of the server for that."""

    content: Content
    files: list[str]
    seen: list[Seen]

    def assert_same(self, url: str) -> None:
        """See that another came to the same, and leaves nothing but garbage."""
        assert Content.of(url) == self.content
        store = Store.open(url)
        collect_garbage(store, older_than=-1)
        assert kinds_of_files(store.storage) == self.files

    def assert_part(self, url: str) -> None:
        """See that readers of a job that died find nothing, or what they are to find."""
        try:
            found = Content.of(url)
        except UsageError as error:
            assert "not a store (" in str(error)
            return
        assert found.shards.items() <= self.content.shards.items()
        assert found.large in (None, self.content.large)


def kind_of(seen: Seen) -> str:
    """Return what a request does, and to which kind of file."""
    path, _, query = seen.path.partition("?")
    names = re.sub(r"[0-9a-f]{8,}|\d+", "", path)
    words = ",".join(sorted(part.partition("=")[0] for part in query.split("&")))
    return f"{seen.method} {names} {words}"


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> S3Server:
    running: S3Server = request.getfixturevalue(request.param)
    return running


@pytest.fixture
def proxy(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    monkeypatch.setattr(transfers, "PART_BYTES", SMALL_PART)
    monkeypatch.setattr(remote, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(remote, "_LONGEST_DELAY", 0.01)
    found = FaultProxy(server.host)
    server.set_up(monkeypatch, AWS_ENDPOINT_URL=f"http://{found.host}")
    yield found
    found.stop()


@pytest.fixture
def whole(server: S3Server, proxy: FaultProxy) -> Whole:
    """An undisturbed job, of a process that has asked nothing before."""
    url = f"{server.url}/{uuid.uuid4().hex}"
    assert ended(do_job, url) == 0
    seen = list(proxy.seen)
    content = Content.of(url)
    assert content.shards
    assert content.large == LARGE
    return Whole(content, kinds_of_files(Store.open(url).storage), seen)


def test_requests_that_fail_once_each_change_nothing(
    server: S3Server, proxy: FaultProxy, whole: Whole
) -> None:
    for name, (requests, fault) in FAULTS.items():
        url = f"{server.url}/{uuid.uuid4().hex}"
        proxy.reset()
        proxy.fail_every_other(requests, fault)
        do_job(url)
        # What cannot be cleaned up is left to `gc`, and of what is missing half an answer will do.
        missing = {seen.path for seen in proxy.seen if seen.status == 404}
        asked = Counter(
            f"{seen.method} {seen.path}"
            for seen in proxy.seen
            if seen.method != "DELETE" and seen.path not in missing
        )
        once = [request for request, count in asked.items() if requests in request and count == 1]
        assert once == [], name
        assert any(requests in request for request in asked)
        proxy.reset()
        whole.assert_same(url)


@pytest.mark.parametrize("server", ["versitygw"], indirect=True)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_at_every_kind_of_request_that_writes_changes_nothing(
    server: S3Server, proxy: FaultProxy, whole: Whole, part: int
) -> None:
    """Dead once the server has carried it out; before it is after the one before it.

    What is only read in between changes nothing.
    """
    writes = {kind_of(seen): n for n, seen in enumerate(whole.seen) if seen.method in WRITING}
    for kind, number in list(writes.items())[part::PARTS]:
        url = f"{server.url}/{uuid.uuid4().hex}"
        proxy.reset()
        started: list[BaseProcess] = []
        proxy.fail(" /", *[Fault()] * number, Fault(unanswered=partial(kill, started)))
        started.append(begun(do_job, url))
        started[0].join()
        assert started[0].exitcode == -signal.SIGKILL, kind
        assert kind_of(proxy.seen[number]) == kind
        proxy.reset()
        whole.assert_part(url)
        do_job(url)
        whole.assert_same(url)
