"""Requests under one limit, against a server that counts."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator

import pytest

from hdfs_jobs.errors import InfrastructureError, UsageError
from nsynth_batch.sources.web.client import BadInput, Client, Transient, _redirected
from nsynth_batch.sources.web.policy import ClientPolicy
from nsynth_batch.sources.wiki.mediawiki import MediaWiki, WikiError
from tests.components.faults import Fault, FaultProxy

EMPTY = Fault(200, {"Content-Type": "application/json"}, b'{"batchcomplete": true}', delay=0.05)


@pytest.fixture
def server() -> Iterator[FaultProxy]:
    proxy = FaultProxy("127.0.0.1:9")
    yield proxy
    proxy.stop()


def client(*, retries: int = 3, backoff: float = 0.01, timeout: float = 5.0) -> Client:
    policy = ClientPolicy("tests@example.org", retries=retries, backoff=backoff, timeout=timeout)
    return Client(policy, threading.Event())


def at_once(count: int, work: Callable[[], object]) -> list[BaseException]:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_the_api_is_asked_by_three_at_once(server: FaultProxy) -> None:
    server.fail("api.php", EMPTY, times=100)
    wiki = MediaWiki(client(), server.api)
    assert not at_once(9, lambda: wiki.query({"titles": "A"}))
    assert len(server.seen) == 9
    assert server.most_at_once(files=False) == 3


def test_files_are_asked_for_by_two_at_once(server: FaultProxy) -> None:
    server.fail("img_auth.php", Fault(200, body=b"sound", delay=0.05), times=100)
    asking = client()

    def fetch() -> None:
        with asking.open(f"http://{server.host}/img_auth.php/a", {server.host}, {}) as answer:
            assert b"".join(asking.blocks(answer)) == b"sound"

    assert not at_once(6, fetch)
    assert server.most_at_once(files=True) == 2


def test_what_the_rate_and_busy_servers_cost_is_counted(server: FaultProxy) -> None:
    asking = Client(ClientPolicy("tests@example.org", megabits=8.0), threading.Event())
    server.fail("img_auth.php", Fault(503), times=1)
    server.fail("img_auth.php", Fault(200, body=bytes(600_000)), times=1)
    for busy in (True, False):
        try:
            with asking.open(f"http://{server.host}/img_auth.php/a", {server.host}, {}) as answer:
                assert sum(map(len, asking.blocks(answer))) == 600_000
        except Transient:
            assert busy
    assert asking.busy_answers == 1
    # A quarter of a megabyte passes at once, and the rest at a megabyte a second.
    assert 0.2 < asking.paced_seconds < 2


def test_pauses_have_full_jitter_and_double(server: FaultProxy) -> None:
    server.fail("api.php", Fault(503), times=100)
    with pytest.raises(InfrastructureError, match="after 6 tries"):
        MediaWiki(client(retries=5, backoff=0.05), server.api).query({})
    assert len(server.seen) == 6
    pauses = [b.started - a.ended for a, b in zip(server.seen, server.seen[1:], strict=False)]
    assert all(pause < 0.05 * 2**n + 0.5 for n, pause in enumerate(pauses))
    assert len({round(pause, 4) for pause in pauses}) > 1


def test_nobody_there_is_said_in_a_few_words() -> None:
    with pytest.raises(InfrastructureError, match=r"refused.*after one try"):
        MediaWiki(client(retries=0), "http://127.0.0.1:9/api.php").query({})


def test_a_silent_server_is_given_up(server: FaultProxy) -> None:
    server.fail("img_auth.php", Fault(200, body=b"late", delay=1.0))
    asking = client(timeout=0.2)
    url = f"http://{server.host}/img_auth.php/a"
    with pytest.raises(Transient, match="no answer"), asking.open(url, {server.host}, {}):
        pytest.fail("it does not answer")


@pytest.mark.parametrize("url", ["http://elsewhere.example/x", "file:///etc/passwd", "ftp://a/b"])
def test_only_hosts_that_are_allowed_are_asked(url: str) -> None:
    asking = client()
    with pytest.raises(BadInput, match="foreign-host"), asking.open(url, {"example.org"}, {}):
        pytest.fail("it was asked")


def test_redirects_that_go_round_end(server: FaultProxy) -> None:
    server.fail("img_auth.php", Fault(302, {"Location": "/img_auth.php/a"}), times=100)
    asking = client()
    url = f"http://{server.host}/img_auth.php/a"
    with pytest.raises(BadInput, match="redirect-loop"), asking.open(url, {server.host}, {}):
        pytest.fail("it ended")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(404), "api.php"),
        (Fault(403), "--contact"),
        (Fault(200, body=b'{"error": {"code": "badvalue", "info": "No\\n such"}}'), "No such"),
    ],
)
def test_a_question_that_stays_wrong_is_not_asked_again(
    server: FaultProxy, fault: Fault, words: str
) -> None:
    server.fail("api.php", fault)
    with pytest.raises(UsageError, match=words) as caught:
        MediaWiki(client(), server.api).query({})
    assert len(server.seen) == 1
    assert not isinstance(caught.value, WikiError) or caught.value.code == "badvalue"


def test_an_api_that_sends_elsewhere_is_not_followed(server: FaultProxy) -> None:
    server.fail("api.php", Fault(302, {"Location": "http://elsewhere.example/"}))
    with pytest.raises(InfrastructureError, match="commons_api"):
        MediaWiki(client(), server.api).query({})


def test_long_questions_are_posted(server: FaultProxy) -> None:
    server.fail("api.php", EMPTY, times=2)
    wiki = MediaWiki(client(), server.api)
    wiki.query({"titles": "|".join(f"File:鳥 {n}.wav" for n in range(50))})
    wiki.query({"titles": "File:鳥.wav"})
    assert [seen.method for seen in server.seen] == ["POST", "GET"]


def test_answers_of_the_api_come_packed(server: FaultProxy) -> None:
    packed = gzip.compress(b'{"batchcomplete": true}')
    said = {"Content-Encoding": "gzip"}
    # One that is cut is asked for again.
    server.fail("api.php", Fault(200, said, packed[:-9]), Fault(200, said, packed))
    assert MediaWiki(client(), server.api).query({}) == {"batchcomplete": True}
    assert [seen.headers["Accept-Encoding"] for seen in server.seen] == ["gzip", "gzip"]


def test_a_busy_server_that_says_when_to_come_back_is_no_failed_try(server: FaultProxy) -> None:
    server.fail("api.php", Fault(503, {"Retry-After": "1"}), EMPTY)
    MediaWiki(client(retries=0), server.api).query({})
    first, second = server.seen
    assert second.started - first.ended >= 1


def test_a_long_question_is_sent_on_where_it_is_redirected(server: FaultProxy) -> None:
    server.fail("api.php", Fault(301, {"Location": "/w/api.php"}), EMPTY)
    MediaWiki(client(), server.api).query({"titles": "|".join(f"File:{n}.wav" for n in range(99))})
    assert [seen.method for seen in server.seen] == ["POST", "POST"]
    assert server.seen[1].path == "/w/api.php"
    assert int(server.seen[1].headers["Content-Length"]) > 1000


def test_no_redirect_leads_out_of_https() -> None:
    assert _redirected("http://a.example/x", "https://a.example/y") == "https://a.example/y"
    assert _redirected("https://a.example/x/y", "../z") == "https://a.example/z"
    with pytest.raises(BadInput, match="foreign-host"):
        _redirected("https://a.example/x", "http://a.example/y")


def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://sounds.test/owl.wav"
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://me:secret@127.0.0.1:9")
    with pytest.raises(Transient) as failed, client().open(url, {"sounds.test"}, {}):
        pass
    assert "through the proxy http://127.0.0.1:9: see that it runs" in str(failed.value)
    assert "secret" not in str(failed.value)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    url = "http://127.0.0.1:9/owl.wav"
    with pytest.raises(Transient) as failed, client().open(url, {"127.0.0.1:9"}, {}):
        pass
    assert "no answer" in str(failed.value)
    assert "proxy" not in str(failed.value)
