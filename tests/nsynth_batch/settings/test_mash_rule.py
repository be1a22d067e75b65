"""Weights and stretches as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.errors import UsageError
from nsynth_batch.settings.mash_rule import MashRule, mash_rule, parse_stretch, parse_weights
from nsynth_batch.settings.settings import load_settings


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("0.5", (0.5, 0.5), (0.5, 0.5)),
        ("0.25:1", (0.75, 0.25), (0.0, 1.0)),
        ("0.5,0.25,0.25", (0.5, 0.25, 0.25), (0.5, 0.25, 0.25)),
        ("1,0,0,0:0,0,0,1", (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)),
    ],
)
def test_weights_are_a_share_of_b_or_one_each_and_may_move(
    text: str, start: tuple[float, ...], stop: tuple[float, ...]
) -> None:
    found = parse_weights(text)
    assert (found.start, found.stop) == (start, stop)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=4))
def test_shares_to_three_decimals_sum_to_one(parts: list[int]) -> None:
    text = ",".join(f"{part / sum(parts):.3f}" for part in parts)
    assert sum(parse_weights(text).start) == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.5,0.3", "sum to 1, and these to 0.8; 0.625,0.375 are in the same proportion"),
        ("0,0", "sum to 1, and these to 0$"),
        ("1.5", "each weight is to be from 0 to 1"),
        ("nan", "each weight is to be from 0 to 1"),
        ("-0.1", "each weight is to be from 0 to 1"),
        ("half", "weights are numbers from 0 to 1"),
        ("", "weights are numbers from 0 to 1"),
        ("0.2:0.5:0.8", "joined by one colon"),
        ("0.5:0.2,0.3,0.5", "2 weights cannot move to 3: give as many"),
        ("0.2,0.2,0.2,0.2,0.2", "at most 4 recordings"),
    ],
)
def test_what_are_no_weights_is_one_line_that_says_what_is_wanted(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_weights(text)
    with pytest.raises(UsageError, match=f"--weights is {text!r}: .*{words}"):
        load_settings({"weights": text, "curve": "blend"})


@pytest.mark.parametrize("text", ["0", "0.4", "2.5", "-1", "nan", "inf", "1,", "long", "1,3"])
def test_a_stretch_is_from_a_half_to_two(text: str) -> None:
    with pytest.raises(ValueError, match="factor"):
        parse_stretch(text)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"weights": "0.5"}, "--weights is of --curve blend, and --curve is random"),
        ({"weights": "0.5", "curve": "blend", "parents": 3}, "of 2 recordings and a mash-up is of"),
        ({"stretch": "1,2", "parents": 3}, "--stretch 1,2 is of 2 recordings"),
    ],
)
def test_what_does_not_fit_the_parents_or_the_curve_is_refused(
    given: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        load_settings(given).mash_rule()


def test_settings_are_a_rule_and_no_stretch_is_none() -> None:
    assert load_settings().mash_rule() == MashRule()
    assert mash_rule(3, "random", "longer", None, "1").stretch == ()
    assert mash_rule(3, "random", "longer", None, "1.5").stretch == (1.5,) * 3
    chosen = load_settings({"parents": 3, "pair": "nature:music:a:b"})
    assert chosen.categories == ("nature", "music", "a:b")
    with pytest.raises(UsageError, match=r"3 categories joined by a colon, as in nature:music:h"):
        load_settings({"parents": 3, "pair": "nature:music"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"grid": 3}, "--grid makes squares of four recordings: give --parents 4"),
        ({"grid": 3, "parents": 4}, "--pairs 16 cuts a square of 3 by 3 .*give 9 .*as 18 for 2"),
        (
            {"grid": 3, "parents": 4, "pairs": 9, "curve": "blend", "weights": "1,0,0,0"},
            "--grid has weights of its own",
        ),
    ],
)
def test_a_square_is_whole_and_of_four(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_settings(given).mash_rule()


def test_a_square_is_of_a_store_alone() -> None:
    settings = load_settings({"grid": 3, "parents": 4, "pairs": 9})
    assert settings.mash_rule() == MashRule("blend", grid=3)
    assert settings.mash_rule(2) == MashRule()
