"""Names in a table of rights, compared with files as people see them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.rights.rights import Rights
from sequencer.rights.source_names import is_sources_name, looks_like_sources, match_sources
from sequencer.rights.sources_csv import SourceRow

WORDS = (
    "Zürich",
    "日本 の 歌",
    "Bell",
    "ÅNGSTRÖM",
    "straße",
    "ﬁnal take",
    "Чайка",
    "한국어",
    "a.b",
)
FORMS = {
    "as it is": lambda name: name,
    "composed": lambda name: unicodedata.normalize("NFC", name),
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "compatible": lambda name: unicodedata.normalize("NFKC", name),
    "from here": lambda name: f"./{name}",
    "twice from here": lambda name: f"././{name}",
    "backslashes": lambda name: name.replace("/", "\\"),
    "backslashes from here": lambda name: ".\\" + name.replace("/", "\\"),
    "double slashes": lambda name: name.replace("/", "//"),
    "space before": lambda name: f" {name}",
    "space behind": lambda name: f"{name} \t",
    "no-break space": lambda name: f"\u00a0{name}\u00a0",
    "mark": lambda name: f"\ufeff{name}",
    "quotes": lambda name: f'"{name}"',
    "curly quotes": lambda name: f"“{name}”",
    "apostrophes": lambda name: f"'{name}'",
    "lower": str.lower,
    "upper": str.upper,
    "other case": str.swapcase,
}


def row(name: str, author: str = "Ann") -> SourceRow:
    return SourceRow(name, Rights(author=author, licence="CC-BY-4.0"))


def matched(names: list[str], files: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    found = match_sources({name: row(name, f"by {name}") for name in names}, files)
    return {file: row.file for file, row in found.rows.items()}, found.warnings


paths = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(
    lambda parts: "/".join(parts) + ".wav"
)
forms = st.lists(st.sampled_from(sorted(FORMS)), max_size=3)


@given(path=paths, of_file=forms, of_row=forms)
def test_a_name_in_any_form_means_its_file(
    path: str, of_file: list[str], of_row: list[str]
) -> None:
    file, listed = path, path
    for form in ("composed", "decomposed", "compatible", "lower"):
        file = FORMS[form](file) if form in of_file else file
    for form in of_row:
        listed = FORMS[form](listed)
    other = "quite/another.flac"
    assert matched([listed, other], [other, file]) == ({file: listed, other: other}, ())


@given(names=st.sets(paths, min_size=1, max_size=6))
def test_names_as_they_are_written_mean_their_files_alone(names: set[str]) -> None:
    found, warnings = matched(sorted(names), sorted(names))
    assert found == {name: name for name in names}
    assert warnings == ()


def test_files_that_differ_in_form_alone_are_told_apart_by_how_they_are_written() -> None:
    files = ["Bell.wav", "bell.wav", "Zu\u0308rich.wav", "Z\u00fcrich.wav"]
    assert matched(files, files) == ({name: name for name in files}, ())


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["BELL.wav"], ["Bell.wav", "bell.wav"]),
        (["./bell.wav", " bell.wav"], ["bell.wav"]),
        (["Z\ufb01.wav"], ["Zfi.wav", "Zf\u200di.wav"]),
    ],
)
def test_what_may_mean_several_means_none_and_is_named(names: list[str], files: list[str]) -> None:
    found, [warning] = matched(names, files)
    assert found == {}
    assert "may mean several files" in warning
    assert all(name.strip() in warning for name in files)


def test_two_rows_that_say_the_same_of_one_file_are_one() -> None:
    same = Rights(author="Ann", licence="CC0-1.0")
    rows = {name: SourceRow(name, same) for name in ("./a.wav", "A.wav", "a.wav ")}
    found = match_sources(rows, ["a.wav"])
    assert found.rows["a.wav"].rights == same
    assert found.warnings == ()


def test_a_row_beside_the_one_that_is_written_as_its_file_is_told_where_it_says_else() -> None:
    found, [warning] = matched(["a.wav", "./a.wav"], ["a.wav"])
    assert found == {"a.wav": "a.wav"}
    assert "./a.wav (a.wav)" in warning


@pytest.mark.parametrize(
    ("listed", "near"),
    [
        ("bell.flac", "bell.wav"),
        ("rec/bell.wav", "bell.wav"),
        ("C:\\music\\bell.wav", "bell.wav"),
        ("bel.wav", "bell.wav"),
    ],
)
def test_what_matches_nothing_is_named_with_what_it_may_mean(listed: str, near: str) -> None:
    found, [warning] = matched([listed], ["bell.wav", "other thing.wav"])
    assert found == {}
    assert f"(did you mean {near}?)" in warning


def test_of_many_that_match_nothing_a_few_are_named() -> None:
    _, [warning] = matched([f"none {n}.wav" for n in range(9)], ["x.wav"])
    assert warning.endswith("none 4.wav and 4 more")


@pytest.mark.parametrize("name", ["sources.csv", "Sources.csv", "SOURCES.CSV", "sources.csv "])
def test_the_table_is_known_in_any_case(name: str) -> None:
    assert is_sources_name(name)
    assert not looks_like_sources(name)


@pytest.mark.parametrize(
    "name",
    ["sources.csv.txt", "source.csv", "sources (1).csv", "Sources.xlsx", "sources.tsv", "sources"],
)
def test_what_may_be_meant_for_the_table_is_known(name: str) -> None:
    assert looks_like_sources(name)
    assert not is_sources_name(name)


@pytest.mark.parametrize("name", ["resources.csv", "owl.csv", "._sources.csv", "sources.wav"])
def test_what_is_no_table_is_none(name: str) -> None:
    assert not looks_like_sources(name)
    assert not is_sources_name(name)
