"""Licences as wikis spell them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from license_expression import get_spdx_licensing

from nsynth_batch.sources.licence_spellings import (
    Reading,
    _rows,
    _table,
    read_licence,
    read_licence_url,
    strongest,
)
from sequencer.rights.rights import Rights
from sequencer.rights.spdx import licence_ids

BY_SA_ALL = "CC-BY-SA-4.0 OR CC-BY-SA-3.0 OR CC-BY-SA-2.5 OR CC-BY-SA-2.0 OR CC-BY-SA-1.0"
SPDX = get_spdx_licensing().known_symbols


def expression(words: str) -> str | None:
    reading = read_licence(words)
    return None if reading is None else reading.expression


def is_spdx(words: str) -> bool:
    return all(name in SPDX or name.startswith("LicenseRef-") for name in licence_ids(words))


@pytest.mark.parametrize(
    ("words", "licence"),
    [
        ("cc-by-sa-4.0", "CC-BY-SA-4.0"),
        ("CC BY-SA 3.0 de", "CC-BY-SA-3.0-DE"),
        ("cc-by-sa-3.0-de", "CC-BY-SA-3.0-DE"),
        ("CC BY-SA 3.0 es", "LicenseRef-CC-BY-SA-3.0-ES"),
        ("CC BY-SA 3.0 igo", "CC-BY-SA-3.0-IGO"),
        ("CC BY-SA 2.1 jp", "CC-BY-SA-2.1-JP"),
        ("cc-by-2.5", "CC-BY-2.5"),
        ("CC BY-SA 4.0,3.0,2.5,2.0,1.0", BY_SA_ALL),
        ("CC BY-SA 4.0-3.0-2.5-2.0-1.0", BY_SA_ALL),
        ("cc-by-sa-all", BY_SA_ALL),
        ("cc-by-sa-2.5+", "CC-BY-SA-4.0 OR CC-BY-SA-3.0 OR CC-BY-SA-2.5"),
        ("CC-BY-SA-3.0-migrated", "CC-BY-SA-3.0"),
        ("cc-by-sa-3.0-migrated-with-disclaimers", "CC-BY-SA-3.0"),
        ("Creative Commons Attribution-Share Alike 4.0", "CC-BY-SA-4.0"),
        ("Creative Commons Attribution-Share Alike 3.0 Germany", "CC-BY-SA-3.0-DE"),
        ("Creative Commons Attribution 2.0 UK: England & Wales", "LicenseRef-CC-BY-2.0-UK"),
        ("Creative Commons Attribution-ShareAlike 3.0 Unported", "CC-BY-SA-3.0"),
        ("Creative Commons Attribution 4.0 International", "CC-BY-4.0"),
        ("Creative Commons Attribution-NonCommercial-NoDerivs 2.0 Generic", "CC-BY-NC-ND-2.0"),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("cc-by-nd-nc-1.0", "CC-BY-NC-ND-1.0"),
        ("CC BY-ND 2.0", "CC-BY-ND-2.0"),
        ("CC BY\N{NON-BREAKING HYPHEN}SA\N{NO-BREAK SPACE}4.0", "CC-BY-SA-4.0"),
        ("cc0", "CC0-1.0"),
        ("Creative Commons Zero, Public Domain Dedication", "CC0-1.0"),
        ("GFDL", "GFDL-1.2-or-later"),
        ("GNU Free Documentation License", "GFDL-1.2-or-later"),
        ("GFDL 1.2", "GFDL-1.2-only"),
        ("GFDL-1.2 or later", "GFDL-1.2-or-later"),
        ("GFDL 1.3 or later", "GFDL-1.3-or-later"),
        ("GFDL or CC BY-SA 3.0", "GFDL-1.2-or-later OR CC-BY-SA-3.0"),
        ("GFDL, cc-by-sa-all", f"GFDL-1.2-or-later OR {BY_SA_ALL}"),
        ("GFDL and cc-by-2.5,2.0", "GFDL-1.2-or-later AND (CC-BY-2.5 OR CC-BY-2.0)"),
        ("PD-self", "LicenseRef-PD-self"),
        ("pd-user", "LicenseRef-PD-user"),
        ("PD-USGov", "LicenseRef-PD-USGov"),
        ("PD-USGov-NASA", "LicenseRef-PD-USGov-nasa"),
        ("PD-old", "LicenseRef-PD-old"),
        ("PD-old-100", "LicenseRef-PD-old-100"),
        ("Public domain", "LicenseRef-PD-unspecified"),
        ("pd", "LicenseRef-PD-unspecified"),
        ("Public Domain Mark 1.0", "CC-PDM-1.0"),
        ("Copyrighted free use", "LicenseRef-CopyrightedFreeUse"),
        ("FAL", "LAL-1.3"),
        ("OGL 3", "OGL-UK-3.0"),
        ("Open Government Licence v1.0", "OGL-UK-1.0"),
        ("Attribution", "LicenseRef-Attribution"),
        ("No restrictions", "LicenseRef-NoRestrictions"),
        ("MIT", "MIT"),
        ("GPLv3", "GPL-3.0-only"),
        ("GPL", "GPL-2.0-or-later"),
        ("Apache License 2.0", "Apache-2.0"),
    ],
)
def test_the_varieties_of_the_real_thing(words: str, licence: str) -> None:
    assert expression(words) == licence
    assert is_spdx(licence)


@pytest.mark.parametrize(
    "words",
    [
        "", " ", "-", "CC BY 5.0", "CC BY-SA", "CC BY 4.0 de", "cc-by-sa-3.0,2.5-de",
        "CC BY 3.0 xx",
        "not CC0", "!CC0", "CC0?", "ПД cc0", "CC BY 4.0 or my own terms", "MIT or", "PD-Penguin",
        "Fair use", "All rights reserved", "See below", "GFDL and CC0 or MIT", "by-sa 3.0",
        "cc by sa 4.0 but ask me first", "LicenseRef-unknown", "LicenseRef-mine",
        "CC-BY-SA-1.0-MIT",
    ],
)  # fmt: skip
def test_what_is_not_known_is_not_guessed(words: str) -> None:
    assert read_licence(words) is None


@pytest.mark.parametrize(
    ("url", "licence"),
    [
        ("https://creativecommons.org/licenses/by-sa/3.0/de/deed.en", "CC-BY-SA-3.0-DE"),
        ("http://creativecommons.org/licenses/by/4.0", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by/4.0/deed.de", "CC-BY-4.0"),
        ("//creativecommons.org/publicdomain/zero/1.0/deed.en", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
        ("https://www.gnu.org/copyleft/fdl.html", "GFDL-1.2-or-later"),
        ("http://artlibre.org/licence/lal/en", "LAL-1.3"),
        ("https://elsewhere.example/creativecommons.org/licenses/by/4.0/", None),
        ("https://creativecommons.org/licenses/by/4.0/../../by-nc/4.0/", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_addresses_of_licences(url: str, licence: str | None) -> None:
    reading = read_licence_url(url)
    assert (reading.expression if reading else None) == licence


def test_every_row_of_the_table_is_spdx_and_can_be_read() -> None:
    rows = _rows()
    assert len(rows) > 150
    for spelling, reading in rows.items():
        assert is_spdx(reading.expression), reading
        assert expression(spelling) == reading.expression
        assert Rights(licence=reading.expression).known
    for reason in _table()["public_domain"]["reasons"]:
        assert expression(f"PD-{reason}") == f"LicenseRef-PD-{reason}"


def test_no_spelling_stands_twice() -> None:
    table = _table()
    lists = [*table["licences"].values(), *table["public_domain"]["spellings"].values()]
    lists += [row["spellings"] for row in table["open"]]
    spellings = [spelling for row in lists for spelling in row]
    assert len(spellings) == len(set(spellings))


def test_the_fuller_statement_stands_whatever_the_order() -> None:
    def read(words: str) -> Reading:
        reading = read_licence(words)
        assert reading is not None
        return reading

    for full, weak in (
        ("CC BY-SA 3.0 de", "cc-by-sa-3.0"),
        ("CC BY-SA 3.0 es", "cc-by-sa-3.0"),
        ("cc-by-sa-all", "cc-by-sa-2.5"),
        ("CC0", "pd"),
        ("PD-old-70", "Public domain"),
        ("PD-old-70", "PD-old"),
        ("GFDL 1.2", "gfdl"),
        ("GFDL or cc-by-3.0", "gfdl"),
        ("OGL 3", "OGL"),
    ):
        for order in ((full, weak), (weak, full)):
            found = strongest(map(read, order))
            assert found is not None
            assert found.expression == expression(full)
    for one, other in (
        ("cc-by-4.0", "cc-by-nc-4.0"), ("cc-by-sa-3.0", "pd"), ("cc-by-3.0", "cc-by-sa-3.0"),
        ("GFDL", "MIT"), ("PD-old", "PD-self"), ("PD-old", "cc0"),
    ):  # fmt: skip
        assert strongest([read(one), read(other)]) is None
    assert strongest([]) is None


words = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            ["cc", "by", "sa", "nc", "nd", "4.0", "2.1", "3.0,2.5", "all", "de", "es", "GFDL", "or",
             "and", "PD", "self", "old", "free", "-", ",", "MIT", "+", "public domain", "Germany"]
        ),
        max_size=8,
    ).map(" ".join),
)  # fmt: skip


@given(words)
def test_whatever_is_read_is_spdx(said: str) -> None:
    found = expression(said)
    if found is not None:
        assert is_spdx(found)
        assert Rights(licence=found).known
        # Reading what was read changes nothing any more, AND with brackets apart.
        assert "AND" in found or expression(found) == found


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_chance_gives_no_licence(said: str) -> None:
    found = expression(f"{said} zzz")
    assert found is None
