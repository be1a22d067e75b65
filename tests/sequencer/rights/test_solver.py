from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.errors import SequencerError
from sequencer.rights.compatibility import RESULTS, goes_into, terms_of
from sequencer.rights.rights import Rights
from sequencer.rights.solver import Solution, chosen, solve

ATOMS = (
    *("CC0-1.0", "LicenseRef-PD-US", "CC-BY-1.0", "CC-BY-2.5", "CC-BY-4.0", "CC-BY-3.0-DE"),
    *("CC-BY-SA-1.0", "CC-BY-SA-2.0", "CC-BY-SA-3.0", "CC-BY-SA-3.0-DE", "CC-BY-SA-4.0"),
    *("GFDL-1.2-only", "GFDL-1.2-or-later", "GFDL-1.3-only", "LAL-1.3", "OGL-UK-3.0"),
    *("CC-BY-NC-3.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "LicenseRef-unknown", "Beerware"),
)


def works(*expressions: str | tuple[str, ...]) -> dict[str, list[Rights]]:
    """One clip an expression, or a tuple of them; names and titles tell which."""
    return {
        f"clip {number}": [
            Rights(title=f"Source {number}{'abc'[letter]}", licence=licence)
            for letter, licence in enumerate(each if isinstance(each, tuple) else (each,))
        ]
        for number, each in enumerate(expressions)
    }


def flows(source: str, result: str) -> bool:
    one, other = terms_of(source), terms_of(result)
    assert one is not None and other is not None
    return goes_into(one, other)


@pytest.mark.parametrize(
    ("source", "into", "never"),
    [
        ("CC0-1.0", RESULTS, ()),
        ("LicenseRef-PD-old-100", RESULTS, ()),
        ("CC-BY-3.0", ("CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-4.0"), ("CC0-1.0", "CC-BY-2.5")),
        ("CC-BY-2.0", ("CC-BY-SA-2.0", "CC-BY-NC-4.0"), ("GFDL-1.3-only", "CC-BY-SA-1.0")),
        ("CC-BY-SA-4.0", ("CC-BY-SA-4.0", "LAL-1.3", "GPL-3.0-only"), ("CC-BY-4.0",)),
        ("CC-BY-SA-4.0", (), ("GPL-3.0-or-later", "GPL-2.0-only")),
        ("CC-BY-SA-2.5-SCOTLAND", ("CC-BY-SA-4.0",), ("CC-BY-SA-2.5",)),
        ("CC-BY-SA-3.0", ("CC-BY-SA-3.0", "CC-BY-SA-4.0"), ("CC-BY-SA-2.5", "LAL-1.3")),
        ("CC-BY-SA-3.0", ("CC-BY-SA-3.0-DE",), ("CC-BY-NC-SA-4.0", "GFDL-1.3-only")),
        ("CC-BY-SA-3.0-DE", ("CC-BY-SA-3.0-DE", "CC-BY-SA-4.0"), ("CC-BY-SA-3.0",)),
        ("LicenseRef-CC-BY-SA-3.0-ES", ("CC-BY-SA-4.0",), ("CC-BY-SA-3.0", "CC-BY-4.0")),
        ("CC-BY-SA-1.0", ("CC-BY-SA-1.0",), ("CC-BY-SA-2.0", "CC-BY-SA-4.0")),
        ("LAL-1.3", ("LAL-1.3", "CC-BY-SA-4.0"), ("CC-BY-SA-3.0", "CC-BY-4.0")),
        ("LAL-1.2", ("LAL-1.2",), ("LAL-1.3", "CC-BY-SA-4.0")),
        ("GFDL-1.2-only", ("GFDL-1.2-only",), ("GFDL-1.3-only", "CC-BY-SA-4.0")),
        ("GFDL-1.2-or-later", ("GFDL-1.3-or-later", "GFDL-1.2-only"), ("CC-BY-SA-4.0",)),
        ("GFDL-1.3-only", ("GFDL-1.3-only",), ("GFDL-1.3-or-later", "GFDL-1.2-only")),
        ("CC-BY-NC-2.0", ("CC-BY-NC-4.0", "CC-BY-NC-SA-3.0"), ("CC-BY-4.0", "CC-BY-SA-4.0")),
        ("CC-BY-NC-SA-1.0", ("CC-BY-NC-SA-1.0",), ("CC-BY-NC-SA-4.0",)),
        ("OGL-UK-3.0", ("CC-BY-4.0", "CC-BY-SA-4.0"), ("CC-BY-3.0", "CC0-1.0")),
        ("CC-BY-SA-1.0+", ("CC-BY-SA-4.0",), ("CC-BY-4.0",)),
        ("CC-BY-ND-4.0", (), RESULTS),
        ("GPL-2.0-only", ("GPL-2.0-only",), ("GPL-3.0-only", "CC-BY-SA-4.0")),
    ],
)
def test_the_table(source: str, into: Sequence[str], never: Sequence[str]) -> None:
    assert [result for result in into if not flows(source, result)] == []
    assert [result for result in never if flows(source, result)] == []


@pytest.mark.parametrize(
    ("expressions", "licence"),
    [
        (("CC0-1.0", "LicenseRef-PD-US"), "CC0-1.0"),
        (("CC0-1.0", "CC-BY-2.0"), "CC-BY-4.0"),
        (("CC-BY-4.0", "CC-BY-SA-2.0", "CC-BY-SA-3.0-DE"), "CC-BY-SA-4.0"),
        (("CC-BY-SA-1.0", "CC-BY-1.0"), "CC-BY-SA-1.0"),
        (("CC-BY-SA-4.0 OR GFDL-1.3-or-later", "CC-BY-3.0"), "CC-BY-SA-4.0"),
        (("CC-BY-SA-4.0 OR GFDL-1.2-only", "GFDL-1.2-only"), "GFDL-1.2-only"),
        (("cc-by-4.0", "Cc0-1.0"), "CC-BY-4.0"),
        (("LAL-1.3", "CC-BY-SA-3.0"), "CC-BY-SA-4.0"),
        (("CC-BY-4.0 AND LicenseRef-PD-US",), "CC-BY-4.0"),
        (("GPL-2.0-or-later WITH Font-exception-2.0", "CC0-1.0"), "GPL-3.0-or-later"),
        (("CC-BY-SA-1.0+", "CC-BY-SA-4.0"), "CC-BY-SA-4.0"),
        (("CC-BY-NC-3.0 OR CC-BY-SA-3.0",), "CC-BY-SA-4.0"),
        (("LicenseRef-unknown OR CC-BY-4.0",), "CC-BY-4.0"),
        (("LicenseRef-unknown", "CC-BY-4.0"), ""),
        (("LicenseRef-unknown AND CC-BY-4.0",), ""),
        (("Beerware", "CC-BY-4.0"), ""),
        (
            (
                *("CC-BY-2.0", "CC-BY-SA-3.0-DE", "CC0-1.0", "LicenseRef-PD-old-100", "LAL-1.3"),
                *("GFDL-1.2-or-later OR CC-BY-SA-3.0", "LicenseRef-CC-BY-SA-3.0-ES"),
            ),
            "CC-BY-SA-4.0",
        ),
    ],
)
def test_what_goes_together(expressions: tuple[str, ...], licence: str) -> None:
    found = solve(works(*expressions))
    assert (found.licence, found.left_out, found.conflicts) == (licence, {}, ())


def test_what_does_not_is_named_with_its_partner() -> None:
    found = solve(works("CC-BY-SA-4.0", "CC-BY-SA-1.0", "CC0-1.0"))
    assert found.licence == "CC-BY-SA-4.0"
    assert found.conflicts == (
        'clip 1: its "Source 1a" (CC-BY-SA-1.0) cannot go with "Source 0a" (CC-BY-SA-4.0) in '
        "clip 0; the result is under CC-BY-SA-4.0, as 2 of 3 allow",
    )
    (inside,) = solve(works(("CC-BY-SA-4.0", "GFDL-1.2-only"))).conflicts
    assert 'its "Source 0a" (CC-BY-SA-4.0) cannot go with its "Source 0b" (GFDL-1.2-only)' in inside


def test_non_commercial_and_no_adaptation_are_refused_unless_asked_for() -> None:
    clips = works("CC-BY-4.0", "CC-BY-NC-3.0", "CC-BY-NC-ND-4.0")
    found = solve(clips)
    assert found.licence == "CC-BY-4.0"
    assert "excludes commerce; --allow-nc" in found.left_out["clip 1"]
    assert "allows no adaptation, and a composition is one" in found.left_out["clip 2"]
    with_nc = solve(clips, allow_nc=True)
    assert (with_nc.licence, list(with_nc.left_out)) == ("CC-BY-NC-4.0", ["clip 2"])
    assert solve(clips, "CC-BY-NC-4.0").licence == "CC-BY-NC-4.0"
    with_nd = solve(clips, allow_nd=True)
    assert "excludes commerce" in with_nd.left_out["clip 2"]
    both_terms = works("CC-BY-NC-4.0 AND CC-BY-ND-4.0")
    assert "excludes commerce" in solve(both_terms, allow_nd=True).left_out["clip 0"]
    assert "no adaptation" in solve(both_terms, allow_nc=True).left_out["clip 0"]
    with_both = solve(clips, allow_nc=True, allow_nd=True)
    assert (with_both.licence, with_both.private) == ("", ('"Source 2a"',))
    assert "clip 2" in solve(clips, "CC-BY-NC-4.0", allow_nd=True).left_out


def test_a_target_keeps_what_fits_and_fails_closed() -> None:
    clips = works("CC-BY-3.0", "CC-BY-SA-3.0", "LicenseRef-unknown", "Beerware", "CC0-1.0")
    found = solve(clips, "CC-BY-4.0")
    assert found.licence == "CC-BY-4.0"
    assert found.left_out == {
        "clip 1": '"Source 1a" (CC-BY-SA-3.0) does not go into CC-BY-4.0',
        "clip 2": 'the licence of "Source 2a" is not known',
        "clip 3": '"Source 3a" (Beerware): what may be made of it is not in the table',
    }
    assert found.unknown == ()
    nothing = solve(works("CC-BY-SA-3.0"), "CC0-1.0")
    assert (nothing.licence, list(nothing.left_out)) == ("", ["clip 0"])


@pytest.mark.parametrize(
    "target",
    ["CC BY 4.0", "Beerware", "CC-BY-4.0 OR MIT", "CC-BY-ND-4.0", "CC-BY-4.0+", "CC-PDM-1.0"],
)
def test_targets_that_cannot_be(target: str) -> None:
    with pytest.raises(SequencerError, match="SPDX") as caught:
        solve(works("CC0-1.0"), target)
    assert "\n" not in str(caught.value)


def test_chosen_alternatives() -> None:
    assert chosen("CC-BY-SA-4.0 OR GFDL-1.3-only", "GFDL-1.3-only") == "GFDL-1.3-only"
    assert chosen("MIT AND (CC-BY-3.0 OR GFDL-1.3-only)", "CC-BY-4.0") == "MIT AND CC-BY-3.0"
    assert chosen("CC-BY-SA-4.0 OR GFDL-1.3-only", "") == "CC-BY-SA-4.0 OR GFDL-1.3-only"
    assert chosen("GPL-2.0+ WITH x", "GPL-3.0-only") == "GPL-2.0+ WITH x"


# What the properties are checked against knows the table, and otherwise tries everything.

Alternatives = list[tuple[str, ...]]
sources = st.lists(st.lists(st.sampled_from(ATOMS), min_size=1, max_size=2), min_size=1, max_size=2)
clips = st.lists(st.lists(sources, min_size=1, max_size=2), min_size=1, max_size=5)


def written(source: list[list[str]]) -> str:
    return " OR ".join(f"({' AND '.join(every)})" for every in source)


def named(sets: list[list[list[list[str]]]]) -> dict[str, list[Rights]]:
    return works(*(tuple(written(source) for source in clip) for clip in sets))


def possible(clip: list[list[list[str]]], *, nc: bool = False) -> set[str]:
    """All results that some choice of alternatives allows for one clip."""
    results = set(RESULTS) | {
        terms.name
        for atom in ATOMS
        if (terms := terms_of(atom)) and terms.family not in ("PD", "BY-ND")
    }
    usable = [a for a in ATOMS if terms_of(a) and (nc or "NC" not in a) and "ND" not in a]
    return {
        result
        for result in results
        for choice in itertools.product(*clip)
        if all(atom in usable and flows(atom, result) for every in choice for atom in every)
    }


@given(clips)
@settings(max_examples=150, deadline=None)
def test_the_choice_is_sound_and_leaves_out_the_fewest(sets: list[list[list[list[str]]]]) -> None:
    found = solve(named(sets))
    each = {f"clip {number}": possible(clip) for number, clip in enumerate(sets)}
    kept = [name for name in each if name not in found.left_out]
    if found.licence:
        assert all(found.licence in each[name] for name in kept)
        fits = {r: sum(r in ways for ways in each.values()) for ways in each.values() for r in ways}
        assert len(kept) == max(fits.values())
        result = terms_of(found.licence)
        assert result is not None
        for expression, choice in found.chosen.items():
            atoms = choice.split(" AND ")
            assert all(atom in expression and flows(atom, found.licence) for atom in atoms)
    else:
        # Nothing is left, or something that nothing can be said of; the rest goes together.
        assert not kept or not all(each[name] for name in kept)
        known = [each[name] for name in kept if each[name]]
        assert not known or set.intersection(*known)


@given(clips, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_makes_no_difference(sets: list[list[list[list[str]]]], rng: random.Random) -> None:
    clips_by_name = named(sets)
    names = list(clips_by_name)
    rng.shuffle(names)
    assert solve({name: clips_by_name[name] for name in names}) == solve(clips_by_name)


@given(clips, st.sampled_from(["", "CC-BY-4.0", "CC-BY-SA-4.0"]))
@settings(max_examples=60, deadline=None)
def test_public_domain_never_changes_the_result(
    sets: list[list[list[list[str]]]], target: str
) -> None:
    before = solve(named(sets), target)
    if len(before.left_out) == len(sets):
        return
    after = solve(named(sets) | {"more": [Rights(title="More", licence="CC0-1.0")]}, target)
    assert (after.licence, after.left_out.keys()) == (before.licence, before.left_out.keys())


def test_twenty_thousand_clips_in_seconds() -> None:
    rng = random.Random(1)
    free = [atom for atom in ATOMS if atom.startswith(("CC0", "CC-BY-4", "CC-BY-SA-"))]
    many = works(
        *((rng.choice(free), f"{rng.choice(free)} OR GFDL-1.3-only") for _ in range(20_000))
    )
    start = time.perf_counter()
    found: Solution = solve(many)
    assert time.perf_counter() - start < 5
    assert found.licence == "CC-BY-SA-4.0"
