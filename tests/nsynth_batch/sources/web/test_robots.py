"""A host's robots.txt is obeyed, however it answers for it (RFC 9309)."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator

import pytest

from hdfs_jobs.errors import BadInput, InfrastructureError
from nsynth_batch.sources.web.client import Client
from nsynth_batch.sources.web.policy import ClientPolicy
from nsynth_batch.sources.web.robots import Robots
from tests.components.faults import Fault, FaultProxy

RULES = b"""\xef\xbb\xbfUser-agent: *
Disallow: /
User-agent: NSynth-Batch
Disallow: /private/
Disallow: /*.wav$
Allow: /private/open/
Crawl-delay: 2.5
"""


@pytest.fixture
def server() -> Iterator[FaultProxy]:
    proxy = FaultProxy("127.0.0.1:9")
    yield proxy
    proxy.stop()


def robots(server: FaultProxy, retries: int = 0) -> Robots:
    policy = ClientPolicy("tests@example.org", retries=retries, backoff=0.01, timeout=5.0)
    return Robots(Client(policy, threading.Event()), {server.host})


def test_the_longest_rule_for_this_program_holds(server: FaultProxy) -> None:
    server.fail("/robots.txt", Fault(200, body=RULES))
    rules = robots(server)
    for path in ("/a.mp3", "/a.wav?page=2", "/private/open/a.mp3"):
        assert rules.require_allowed(f"http://{server.host}{path}") == 2.5
    for path in ("/a.wav", "/private/a.mp3", "/b/c.wav"):
        with pytest.raises(BadInput, match=r"^robots: .*/robots\.txt asks programs") as refused:
            rules.require_allowed(f"http://{server.host}{path}")
        assert refused.value.reason == "robots"
    assert [seen.path for seen in server.seen] == ["/robots.txt"]
    assert server.seen[0].headers["User-Agent"].startswith("nsynth-batch/")


def test_rules_that_come_packed_hold(server: FaultProxy) -> None:
    packed, said = gzip.compress(RULES), {"Content-Encoding": "gzip"}
    # One that is cut, or packed otherwise, is asked for again.
    other = Fault(200, {"Content-Encoding": "br"}, b"?")
    server.fail("/robots.txt", Fault(200, said, packed[:-9]), other, Fault(200, said, packed))
    with pytest.raises(BadInput, match="asks programs"):
        robots(server, retries=2).require_allowed(f"http://{server.host}/a.wav")
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410])
def test_a_host_without_rules_allows_all(server: FaultProxy, status: int) -> None:
    server.fail("/robots.txt", Fault(status))
    assert robots(server).require_allowed(f"http://{server.host}/a.wav") == 0


@pytest.mark.parametrize("status", [429, 500, 501, 503, 520])
def test_a_host_that_cannot_answer_allows_nothing(server: FaultProxy, status: int) -> None:
    server.fail("/robots.txt", Fault(status), times=2)
    rules = robots(server, retries=1)
    for name in ("a", "b"):
        with pytest.raises(InfrastructureError, match=rf"robots\.txt: .*{status}, after 2 tries"):
            rules.require_allowed(f"http://{server.host}/{name}.wav")
    # It is asked no more in this run.
    assert len(server.seen) == 2


def test_what_passes_is_tried_again(server: FaultProxy) -> None:
    server.fail("/robots.txt", Fault(503), Fault(200, body=b"User-agent: *\nDisallow: /b"))
    rules = robots(server, retries=1)
    assert rules.require_allowed(f"http://{server.host}/a.wav") == 0
    with pytest.raises(BadInput, match="robots"):
        rules.require_allowed(f"http://{server.host}/b.wav")


def test_redirects_are_followed_to_hosts_that_may_be_asked(server: FaultProxy) -> None:
    server.fail("/robots.txt", Fault(301, {"Location": "/rules"}))
    server.fail("/rules", Fault(200, body=b"User-agent: *\nDisallow: /"))
    with pytest.raises(BadInput, match="asks programs"):
        robots(server).require_allowed(f"http://{server.host}/a.wav")
    server.fail("/robots.txt", Fault(301, {"Location": "http://elsewhere.example/robots.txt"}))
    with pytest.raises(BadInput, match="foreign-host"):
        robots(server).require_allowed(f"http://{server.host}/a.wav")
    for nowhere in ("/robots.txt", "http://[a/robots.txt"):
        server.fail("/robots.txt", Fault(301, {"Location": nowhere}), times=6)
        assert robots(server).require_allowed(f"http://{server.host}/a.wav") == 0
        server.reset()


def test_each_host_has_rules_of_its_own(server: FaultProxy) -> None:
    other = FaultProxy("127.0.0.1:9")
    try:
        server.fail("/robots.txt", Fault(200, body=b"User-agent: *\nDisallow: /"))
        other.fail("/robots.txt", Fault(404))
        rules = robots(server)
        assert rules.require_allowed(f"http://{other.host}/a.wav") == 0
        with pytest.raises(BadInput, match="robots"):
            rules.require_allowed(f"http://{server.host}/a.wav")
    finally:
        other.stop()


@pytest.mark.parametrize("delay", ["inf", "nan", "-3", "soon", "1e99"])
def test_a_delay_that_is_none_makes_no_pause_without_end(server: FaultProxy, delay: str) -> None:
    text = f"User-agent: *\nCrawl-delay: {delay}\n"
    server.fail("/robots.txt", Fault(200, body=text.encode()))
    assert 0 <= robots(server).require_allowed(f"http://{server.host}/a.wav") <= 86_400
