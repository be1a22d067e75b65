"""Rights out of the metadata that MediaWiki gives of a file."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.errors import BadInput
from nsynth_batch.sources.wiki.rights import rights_of
from sequencer.rights.rights import UNKNOWN_LICENCE, Rights
from sequencer.rights.spdx import licence_ids

PAGE = "https://commons.example/wiki/File:Owl.wav"


def fields(**values: str) -> dict[str, Any]:
    return {name: {"value": value, "source": "commons-desc-page"} for name, value in values.items()}


def licence(**values: str) -> str:
    return rights_of(fields(**values), "File:Owl.wav", PAGE).licence


def test_all_fields_of_a_common_page() -> None:
    metadata = fields(
        ObjectName="Owl &amp; wind",
        Artist='<a href="//commons.example/wiki/User:Ann" title="User:Ann">Ann</a>',
        Credit='<span class="int-own-work" lang="en">Own work</span>',
        Attribution="Ann,<br>CC BY-SA 3.0 de, via Wikimedia Commons",
        License="cc-by-sa-3.0-de",
        LicenseShortName="CC BY-SA 3.0 de",
        LicenseUrl="https://creativecommons.org/licenses/by-sa/3.0/de/deed.en",
        UsageTerms="Creative Commons Attribution-Share Alike 3.0 de",
        AttributionRequired="true",
        Copyrighted="True",
        Restrictions="",
    )
    assert rights_of(metadata, "File:Owl.wav", PAGE) == Rights(
        title="Owl & wind",
        author="Ann",
        licence="CC-BY-SA-3.0-DE",
        licence_url="https://creativecommons.org/licenses/by-sa/3.0/de/deed.en",
        page_url=PAGE,
        attribution="Ann, CC BY-SA 3.0 de, via Wikimedia Commons",
    )


def test_what_a_page_without_fields_says() -> None:
    assert rights_of({}, "File:Owl at night.v2.wav", PAGE) == Rights(
        title="Owl at night.v2", licence=UNKNOWN_LICENCE, page_url=PAGE
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"License": "pd", "LicenseShortName": "Public domain"}, "LicenseRef-PD-unspecified"),
        ({"License": "pd", "LicenseShortName": "PD-USGov"}, "LicenseRef-PD-USGov"),
        ({"License": "cc0", "UsageTerms": "Public domain"}, "CC0-1.0"),
        ({"UsageTerms": "Creative Commons Attribution 4.0"}, "CC-BY-4.0"),
        ({"LicenseUrl": "https://creativecommons.org/licenses/by/4.0"}, "CC-BY-4.0"),
        ({"License": "cc-by-4.0", "LicenseShortName": "my own"}, "CC-BY-4.0"),
        ({"License": "cc-by-4.0", "LicenseShortName": "CC BY-NC 4.0"}, UNKNOWN_LICENCE),
        (
            {
                "License": "cc-by-4.0",
                "LicenseUrl": "https://creativecommons.org/licenses/by-nd/4.0/",
            },
            UNKNOWN_LICENCE,
        ),
        ({"Copyrighted": "False"}, UNKNOWN_LICENCE),
        (
            {"License": "cc-by-sa-3.0", "UsageTerms": "GNU Free Documentation License"},
            "GFDL-1.2-or-later OR CC-BY-SA-3.0",
        ),
        (
            {"License": "gfdl", "LicenseShortName": "GFDL 1.2", "UsageTerms": "CC BY-NC-ND 3.0"},
            "GFDL-1.2-only OR CC-BY-NC-ND-3.0",
        ),
        (
            {"License": "gfdl", "LicenseShortName": "CC BY 3.0", "UsageTerms": "MIT"},
            UNKNOWN_LICENCE,
        ),
        (
            {"License": "gfdl", "LicenseShortName": "CC BY 3.0", "UsageTerms": "CC BY-NC 3.0"},
            UNKNOWN_LICENCE,
        ),
        ({"License": "gfdl-1.3", "UsageTerms": "GFDL 1.2"}, UNKNOWN_LICENCE),
        ({"LicenseShortName": "<b>CC&nbsp;BY 4.0</b>"}, "CC-BY-4.0"),
    ],
)
def test_the_fields_together(values: dict[str, str], expected: str) -> None:
    assert licence(**values) == expected


def test_several_licences_have_no_single_address() -> None:
    several = fields(
        LicenseShortName="CC BY-SA 4.0-3.0",
        LicenseUrl="https://creativecommons.org/licenses/by-sa/4.0",
    )
    rights = rights_of(several, "File:a.wav", PAGE)
    assert (rights.licence, rights.licence_url) == ("CC-BY-SA-4.0 OR CC-BY-SA-3.0", "")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("//terms.example/x", "https://terms.example/x"),
        ("javascript:alert(1)", ""),
        ("https://a.example/ and more", ""),
        ("", ""),
    ],
)
def test_only_addresses_are_kept_as_such(url: str, kept: str) -> None:
    metadata = fields(LicenseShortName="Attribution", LicenseUrl=url)
    assert rights_of(metadata, "File:a.wav", PAGE).licence_url == kept


@pytest.mark.parametrize("value", ["true", "True", "1"])
def test_what_is_not_free_is_refused(value: str) -> None:
    with pytest.raises(BadInput, match="Fair use") as caught:
        licence(NonFree=value, UsageTerms="Fair use", License="cc-by-4.0")
    assert caught.value.reason == "non-free"


def test_texts_in_several_languages() -> None:
    value = {"_type": "lang", "de": "Eule", "en": "Owl"}
    assert rights_of({"ObjectName": {"value": value}}, "File:a.wav", PAGE).title == "Owl"
    only = {"_type": "lang", "ja": "フクロウ"}
    assert rights_of({"ObjectName": {"value": only}}, "File:a.wav", PAGE).title == "フクロウ"


names = st.sampled_from(
    ["License", "LicenseShortName", "LicenseUrl", "UsageTerms", "Artist", "Attribution",
     "ObjectName", "Credit", "NonFree"]
)  # fmt: skip
texts = st.text(st.characters())
values = st.one_of(st.none(), st.booleans(), st.integers(), texts, st.dictionaries(texts, texts))
anything = st.dictionaries(
    names,
    st.one_of(values, st.builds(lambda v: {"value": v}, values)),
)


@given(anything, texts)
def test_nothing_that_a_wiki_says_is_too_odd(metadata: dict[str, Any], title: str) -> None:
    try:
        rights = rights_of(metadata, title, PAGE)
    except BadInput as error:
        assert error.reason == "non-free"
        return
    assert licence_ids(rights.licence)
    for text in (rights.title, rights.author, rights.attribution, rights.licence_url):
        text.encode("utf-8")
