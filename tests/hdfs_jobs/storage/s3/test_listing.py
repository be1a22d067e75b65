"""Pages of a listing: read as botocore reads them."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

import botocore.session
import pytest
from botocore.parsers import RestXMLParser
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.storage.open import open_storage
from hdfs_jobs.storage.s3.listing import OBJECTS, take_objects
from tests.components.listed import ListedKeys

KEYS = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f\ufffe\uffff", codec="utf-8"),
    min_size=1,
    max_size=20,
)
TIMES = ["2026-01-31T12:30:00.250Z", "2026-01-31T12:30:00Z", "1971-06-01T00:00:00.000Z"]
OBJECTS_OF_A_PAGE = st.lists(
    st.tuples(KEYS, st.integers(0, 2**50), st.sampled_from(TIMES)), max_size=6
)


def page(objects: list[tuple[str, int, str]], prefixes: list[str], namespace: str) -> bytes:
    contents = "".join(
        f"<Contents><Key>{escape(quote_plus(key))}</Key><LastModified>{time}</LastModified>"
        f"<ETag>&quot;tag&quot;</ETag><Size>{size}</Size></Contents>"
        for key, size, time in objects
    )
    folders = "".join(
        f"<CommonPrefixes><Prefix>{escape(quote_plus(prefix))}</Prefix></CommonPrefixes>"
        for prefix in prefixes
    )
    return (
        f"<?xml version='1.0'?><ListBucketResult{namespace}><Name>bucket</Name>{contents}"
        f"<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>{folders}"
        "<NextContinuationToken>more</NextContinuationToken></ListBucketResult>"
    ).encode()


@cache
def shape_of_a_page() -> Any:
    model = botocore.session.get_session().get_service_model("s3")
    return model.operation_model("ListObjectsV2").output_shape


def parse(body: bytes, *, taken: bool) -> dict[str, Any]:
    """Read an answer as botocore does, the objects taken out before or not."""
    answer = {"status_code": 200, "headers": {}, "body": body}
    added: dict[str, Any] = {}
    if taken:
        take_objects(answer, added)
    found: dict[str, Any] = RestXMLParser().parse(answer, shape_of_a_page())
    return found | added


@pytest.mark.parametrize("namespace", ["", ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'])
@given(objects=OBJECTS_OF_A_PAGE, prefixes=st.lists(KEYS, max_size=3))
def test_a_page_is_that_which_botocore_reads(
    namespace: str, objects: list[tuple[str, int, str]], prefixes: list[str]
) -> None:
    body = page(objects, prefixes, namespace)
    whole, found = parse(body, taken=False), parse(body, taken=True)
    taken = found.pop(OBJECTS)
    assert [one.key for one in taken] == [key for key, _, _ in objects]
    assert [(one.size, one.modified) for one in taken] == [
        (one["Size"], one["LastModified"].timestamp()) for one in whole.pop("Contents", [])
    ]
    assert found == whole
    assert found["NextContinuationToken"] == "more"


@pytest.mark.parametrize("body", [b"", b"no XML", b"<Error><Code>SlowDown</Code></Error>"])
def test_what_is_no_listing_is_left_to_botocore(body: bytes) -> None:
    answer, added = {"body": body}, dict[str, Any]()
    take_objects(answer, added)
    assert not added.get(OBJECTS)
    assert b"SlowDown" in answer["body"] or answer["body"] == body


def test_a_long_listing_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the page at hand is held, however many there are."""
    with ListedKeys(12_345) as server:
        for name, value in (
            ("AWS_ENDPOINT_URL", server.endpoint),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ):
            monkeypatch.setenv(name, value)
        found = open_storage("s3://bucket/store").list("names")
        for number, entry in enumerate(found):
            assert (entry.path, entry.size) == (f"names/{number:08d}.json", 100 + number)
            assert server.pages == number // 1000 + 1
        assert number == 12_344
