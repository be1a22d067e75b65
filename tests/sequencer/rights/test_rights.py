"""SPDX expressions, and where licences stand."""

from __future__ import annotations

import pytest

from sequencer.errors import SequencerError
from sequencer.rights.rights import Rights, licence_ids, licence_url


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("CC0-1.0", ("CC0-1.0",)),
        ("CC-BY-4.0 OR GFDL-1.3-or-later", ("CC-BY-4.0", "GFDL-1.3-or-later")),
        ("(MIT AND CC-BY-3.0) or LicenseRef-PD-US", ("MIT", "CC-BY-3.0", "LicenseRef-PD-US")),
        ("GPL-2.0+ WITH Font-exception-2.0", ("GPL-2.0+",)),
        ("DocumentRef-a:LicenseRef-b", ("DocumentRef-a:LicenseRef-b",)),
    ],
)
def test_expressions(expression: str, names: tuple[str, ...]) -> None:
    assert licence_ids(expression) == names


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "CC BY 4.0",
        "MIT OR",
        "OR MIT",
        "(MIT",
        "MIT)",
        "MIT WITH",
        "MIT, BSD",
        "<b>",
        "(" * 9999,
    ],
)
def test_words_that_are_no_expression(expression: str) -> None:
    with pytest.raises(SequencerError, match="no SPDX expression"):
        licence_ids(expression)


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
