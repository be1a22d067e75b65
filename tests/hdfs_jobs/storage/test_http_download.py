from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.errors import BadInput
from hdfs_jobs.storage.http_download import Answer, RestartError, range_headers, receive
from hdfs_jobs.storage.remote import PassingError


@dataclass
class InMemory:
    """What was received, in memory."""

    content: bytearray = field(default_factory=bytearray)
    validator: str = ""

    @property
    def have(self) -> int:
        return len(self.content)

    def write(self, block: bytes) -> None:
        self.content += block

    def discard(self) -> None:
        self.content.clear()
        self.validator = ""


def answer(
    version: bytes, headers: Mapping[str, str], *, most: int, ranges: bool, etag: str, length: bool
) -> Answer:
    """Return what a server answers that has this version, and sends at most so many bytes."""
    start = 0
    if ranges and "Range" in headers and headers.get("If-Range", etag) == etag:
        start = int(headers["Range"].removeprefix("bytes=").rstrip("-"))
        if start >= len(version):
            return Answer(416, {}, ())
    body = version[start:]
    sent = {"ETag": etag}
    if length:
        sent["Content-Length"] = str(len(body))
    if start:
        sent["Content-Range"] = f"bytes {start}-{len(version) - 1}/{len(version)}"

    def blocks() -> Iterator[bytes]:
        for at in range(0, min(most, len(body)), 3):
            yield body[at : min(at + 3, most)]
        if most < len(body):
            raise PassingError("the connection broke")

    return Answer(206 if start else 200, sent, blocks())


@given(
    tries=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 40), st.booleans(), st.booleans()), max_size=12
    ),
    last=st.integers(0, 2),
)
def test_a_file_is_whole_and_of_one_version_whatever_broke(
    tries: list[tuple[int, int, bool, bool]], last: int
) -> None:
    versions = [bytes([number]) * (20 + 7 * number) for number in range(3)]
    received = InMemory()
    for number, most, ranges, length in [*tries, (last, 99, True, True), (last, 99, True, True)]:
        kind = {"most": most, "ranges": ranges, "etag": f'"{number}"', "length": length}
        try:
            receive(answer(versions[number], range_headers(received), **kind), received)  # type: ignore[arg-type]
        except RestartError:
            assert not received.have
        except PassingError:
            pass
        else:
            assert received.content == versions[number]
        assert len(set(received.content)) <= 1


def test_bytes_of_another_place_are_not_taken() -> None:
    received = InMemory(bytearray(b"abc"), '"1"')
    wrong = Answer(206, {"Content-Range": "bytes 5-9/10"}, [b"fghij"])
    with pytest.raises(RestartError, match="another part"):
        receive(wrong, received)
    assert not received.have


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Length": "4"}, b"abcd"),
        (200, {}, b"abcd"),
        (206, {"Content-Range": "bytes 0-3/4"}, b"abcd"),
    ],
)
def test_a_file_of_another_length_is_refused(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(BadInput, match="wrong-length"):
        receive(Answer(status, headers, [body]), InMemory(), size=3)


def test_progress_counts_what_an_earlier_attempt_left() -> None:
    received, seen = InMemory(bytearray(b"abc")), []
    rest = Answer(206, {"Content-Range": "bytes 3-5/6"}, [b"d", b"ef"])
    receive(rest, received, on_progress=lambda *now: seen.append(now))
    assert seen == [(4, 6), (6, 6)]


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"ETag": '"a"', "Last-Modified": "then"}, '"a"'),
        ({"ETag": 'W/"a"', "Last-Modified": "then"}, "then"),
        ({}, ""),
    ],
)
def test_only_a_strong_validator_is_sent_back(headers: dict[str, str], wanted: str) -> None:
    received = InMemory()
    with pytest.raises(PassingError):
        receive(Answer(200, {**headers, "Content-Length": "9"}, [b"abc"]), received)
    assert range_headers(received).get("If-Range", "") == wanted
