"""Rights: as JSON, and where licences stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.errors import SequencerError
from sequencer.json_fields import Fields
from sequencer.rights.rights import Rights, licence_url


@pytest.mark.parametrize(
    ("licence", "url"),
    [
        ("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"),
        ("cc-by-sa-3.0", "https://creativecommons.org/licenses/by-sa/3.0/"),
        ("CC-BY-SA-3.0-DE", "https://creativecommons.org/licenses/by-sa/3.0/de/"),
        ("CC-BY-NC-ND-2.5", "https://creativecommons.org/licenses/by-nc-nd/2.5/"),
        ("LicenseRef-CC-BY-2.5-SCOTLAND", "https://creativecommons.org/licenses/by/2.5/scotland/"),
        ("LicenseRef-my-own", ""),
        ("GFDL-1.2-or-later", "https://www.gnu.org/licenses/old-licenses/fdl-1.2.html"),
        ("LicenseRef-unknown", ""),
        ("CC-BY-4.0 OR CC0-1.0", ""),
    ],
)
def test_addresses(licence: str, url: str) -> None:
    assert licence_url(licence) == url


def test_unknown_anywhere_is_not_known() -> None:
    assert not Rights(licence="CC0-1.0 AND LicenseRef-Unknown").known
    assert Rights(licence="LicenseRef-PD-US").known


@given(
    st.builds(
        Rights, *[st.text()] * 2, st.sampled_from(["MIT", "CC0-1.0 OR MIT"]), *[st.text()] * 3
    )
)
def test_rights_survive_json(rights: Rights) -> None:
    assert Rights.from_json(Fields(rights.to_json(), "x")) == rights


def test_what_json_says_wrong_of_rights_is_named() -> None:
    with pytest.raises(SequencerError, match="line 3, field 'licence': 'CC BY'"):
        Rights.from_json(Fields({"licence": "CC BY"}, "clips.jsonl, line 3"))
    with pytest.raises(SequencerError, match="field 'author': text"):
        Rights.from_json(Fields({"author": 3}, "clips.jsonl, line 3"))
    assert Rights.from_json(Fields({"licence": "", "title": None}, "x")) == Rights()
