"""SPDX expressions: the grammar, and what is in SPDX's list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.errors import SequencerError
from sequencer.rights.spdx import (
    AllOf,
    Expression,
    LicenceTerm,
    OneOf,
    licence_ids,
    parsed,
    require_listed,
    terms_in,
)


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
        "()",
        "MIT WITH",
        "MIT, BSD",
        "<b>",
        "(" * 9999,
    ],
)
def test_words_that_are_no_expression(expression: str) -> None:
    with pytest.raises(SequencerError, match="no SPDX expression"):
        licence_ids(expression)


def test_and_binds_closer_than_or() -> None:
    mit, bsd, by = LicenceTerm("MIT"), LicenceTerm("0BSD"), LicenceTerm("CC-BY-4.0")
    assert parsed("MIT OR 0BSD AND CC-BY-4.0") == OneOf((mit, AllOf((bsd, by))))
    assert parsed("(MIT OR 0BSD) AND CC-BY-4.0") == AllOf((OneOf((mit, bsd)), by))
    assert str(parsed("GPL-2.0-only with Font-exception-2.0")) == (
        "GPL-2.0-only WITH Font-exception-2.0"
    )


@given(st.text(max_size=60) | st.text("()ANDORWITH MIT-+:.", max_size=60))
def test_any_words_are_read_or_refused(words: str) -> None:
    try:
        names = licence_ids(words)
    except SequencerError:
        return
    assert names
    assert all(name in words for name in names)


TERMS = st.builds(
    LicenceTerm,
    st.sampled_from(
        ["MIT", "CC-BY-4.0", "GPL-2.0+", "LicenseRef-PD-x", "DocumentRef-a:LicenseRef-b"]
    ),
    st.sampled_from(["", "Font-exception-2.0"]),
)


def joined(parts: list[Expression]) -> st.SearchStrategy[Expression]:
    return st.sampled_from([OneOf(tuple(parts)), AllOf(tuple(parts))])


@given(st.recursive(TERMS, lambda inner: st.lists(inner, min_size=2, max_size=3).flatmap(joined)))
def test_every_expression_is_read_as_it_was_written(tree: Expression) -> None:
    def written(node: Expression) -> str:
        if isinstance(node, LicenceTerm):
            return str(node)
        return f" {'OR' if isinstance(node, OneOf) else 'AND'} ".join(
            part if isinstance(each, LicenceTerm) else f"({part})"
            for each, part in ((each, written(each)) for each in node.parts)
        )

    assert parsed(written(tree)) == tree
    assert licence_ids(written(tree)) == tuple(term.id for term in terms_in(tree))


@pytest.mark.parametrize(
    ("expression", "hint"),
    [("cc by 4.0", "write CC-BY-4.0"), ("CC-BY-4", "did you mean CC-BY-"), ("Mine", "LicenseRef-")],
)
def test_what_is_not_listed_is_refused_with_a_hint(expression: str, hint: str) -> None:
    with pytest.raises(SequencerError, match=hint):
        require_listed(expression)


def test_what_is_listed_passes() -> None:
    require_listed("CC-BY-4.0 OR gpl-2.0+ OR LicenseRef-mine OR GFDL-1.2")
