"""Rights that several claim in one content."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.rights.claims import agree, asks_for_author, lacks_author, stricter
from sequencer.rights.rights import Rights

LICENCES = (
    "CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "CC-BY-SA-4.0", "CC-BY-SA-3.0-DE", "CC-BY-NC-4.0",
    "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "LAL-1.3", "GFDL-1.3-only", "MIT", "LicenseRef-mine",
    "LicenseRef-PD-USGov", "CC-BY-4.0 OR GFDL-1.2-or-later", "CC-BY-4.0 AND LicenseRef-mine",
    "(CC-BY-4.0 OR MIT) AND CC-BY-NC-4.0",
)  # fmt: skip
claims = st.builds(
    Rights,
    title=st.sampled_from(["", "A", "B"]),
    author=st.sampled_from(["", "Ann", "Bob", "ann", "Cat; Ann"]),
    licence=st.sampled_from(LICENCES),
    attribution=st.sampled_from(["", "", "by Ann"]),
)


@given(some=st.lists(claims, min_size=1, max_size=4))
def test_the_order_of_claims_makes_no_difference_and_once_more_neither(some: list[Rights]) -> None:
    result = stricter(some)
    assert all(stricter(list(each)) == result for each in itertools.permutations(some))
    assert stricter([*some, result]) == result
    assert result.known


@given(some=st.lists(claims, min_size=1, max_size=3))
def test_whoever_is_to_be_named_is_named(some: list[Rights]) -> None:
    result = stricter(some)
    for rights in some:
        if asks_for_author(rights.licence) and rights.licence in result.licence:
            for name in filter(None, rights.author.split("; ")):
                assert name.casefold() in result.author.casefold()


@given(rights=claims)
def test_one_claim_stands_as_it_is(rights: Rights) -> None:
    assert stricter([rights]) == stricter([rights, rights])
    assert agree(rights, rights)


@pytest.mark.parametrize(
    ("licences", "result"),
    [
        (("CC0-1.0", "CC-BY-SA-4.0"), "CC-BY-SA-4.0"),
        (("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0"), "CC-BY-SA-4.0"),
        (("CC-BY-4.0", "CC-BY-NC-4.0"), "CC-BY-NC-4.0"),
        (("CC-BY-SA-4.0", "CC-BY-NC-4.0"), "CC-BY-NC-4.0 AND CC-BY-SA-4.0"),
        (("CC-BY-4.0", "CC-BY-ND-4.0"), "CC-BY-4.0 AND CC-BY-ND-4.0"),
        (("CC0-1.0", "CC-BY-ND-4.0"), "CC-BY-ND-4.0"),
        (("CC0-1.0", "LicenseRef-mine"), "CC0-1.0 AND LicenseRef-mine"),
        (("cc-by-4.0", "CC-BY-4.0"), "CC-BY-4.0"),
    ],
)
def test_the_stricter_licence_holds(licences: tuple[str, ...], result: str) -> None:
    for order in itertools.permutations(licences):
        assert stricter([Rights(author="A", licence=name) for name in order]).licence == result


def test_the_claim_that_holds_is_taken_whole() -> None:
    ann = Rights("Bell", "Ann", "CC0-1.0")
    bob = Rights("Glocke", "Bob", "CC-BY-SA-4.0", page_url="https://a.example/")
    assert not agree(ann, bob)
    assert stricter([ann, bob]) == bob


def test_of_one_licence_all_authors_are_named() -> None:
    ann, bob = (Rights("A", name, "CC-BY-4.0") for name in ("Ann", "Bob"))
    assert not agree(ann, bob)
    assert stricter([bob, ann]).author == "Ann; Bob"
    assert agree(Rights("A", "Ann", "CC0-1.0"), Rights("B", "Bob", "CC0-1.0"))
    assert agree(ann, Rights("other title", " ann ", "cc-by-4.0"))


@pytest.mark.parametrize(
    ("licence", "asks"),
    [
        ("CC-BY-4.0", True), ("CC-BY-SA-3.0-DE", True), ("LicenseRef-CC-BY-3.0-XX", True),
        ("GFDL-1.2-only", True), ("LAL-1.3", True), ("ODC-By-1.0", True), ("MIT", True),
        ("CC0-1.0", False), ("LicenseRef-PD-old", False), ("LicenseRef-unknown", False),
        ("CC0-1.0 OR CC-BY-4.0", False), ("CC0-1.0 AND CC-BY-4.0", True),
        ("CC-BY-4.0 OR GFDL-1.3-only", True),
    ],
)  # fmt: skip
def test_licences_that_ask_for_a_name(licence: str, asks: bool) -> None:
    assert asks_for_author(licence) is asks
    assert lacks_author(Rights(licence=licence)) is asks
    assert lacks_author(Rights(author=" \u200b", licence=licence)) is asks
    assert not lacks_author(Rights(author="Ann", licence=licence))
    assert not lacks_author(Rights(attribution="by Ann", licence=licence))
