"""Categories as wikis have them, and the themes that they are paired by."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.themes import TABLE, Themes, load_themes

OF_THE_ISSUE = {"music", "nature", "human", "animal", "interior", "exterior"}
BUNDLED = load_themes()


@pytest.mark.parametrize(
    ("category", "themes"),
    [
        ("Bird songs", {"animal", "nature"}),
        ("Bird songs and calls of Germany", {"animal", "nature"}),
        ("Audio files of Turdus merula (blackbirds)", {"animal"}),
        ("Whale songs", {"animal"}),
        ("Audio files of piano music", {"music"}),
        ("Songs in German", {"music"}),
        ("Audio files of music by Ludwig van Beethoven", {"music"}),
        ("National anthems", {"music"}),
        ("Musique française", {"music"}),
        ("Sounds of nature", {"nature"}),
        ("Thunderstorm sounds", {"nature"}),
        ("Sounds of rain", {"nature"}),
        ("Ocean waves (audio)", {"nature"}),
        ("Spoken Wikipedia - English", {"human"}),
        ("English pronunciation", {"human"}),
        ("Human voices", {"human"}),
        ("Crowd sounds", {"human"}),
        ("Audio files of speeches", {"human"}),
        ("Sounds of doors", {"interior"}),
        ("Kitchen sounds", {"interior"}),
        ("Telephone sounds", {"interior"}),
        ("Church bells of Austria (audio)", {"exterior"}),
        ("Sounds of trains", {"exterior"}),
        ("Traffic sounds", {"exterior"}),
        ("Audio files of dogs", {"animal"}),
        ("CC-BY-SA-4.0", set()),
        ("Self-published work", set()),
        ("Audio files from Nature Communications", set()),
        ("Uploaded with Pattypan", set()),
        ("Sound effects", set()),
        ("2019 in Norway", set()),
        ("", set()),
    ],
)
def test_real_categories(category: str, themes: set[str]) -> None:
    assert set(BUNDLED.of([category])) == themes


def test_the_bundled_table_has_the_six_themes_and_each_names_itself() -> None:
    table = load_themes()
    for theme in OF_THE_ISSUE:
        assert table.of([theme.title()]) == (theme,)
        assert table.with_themes([theme.title()]) == (theme.title(),)
    assert table.with_themes(["Whale songs", "Rain"]) == ("Whale songs", "Rain", "animal", "nature")


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('ignored = ["steel drum"]\n[themes]\nmetal = ["steel", "iron works"]\n')
    table = load_themes(str(file))
    assert table.of(["Steel", "Iron works of Kiruna", "Music"]) == ("metal",)
    assert table.of(["Steel drums"]) == ()
    assert table.digest != load_themes().digest
    file.write_text('[themes]\n# the same\nmetal = ["Iron Works", "STEEL"]\n')
    assert load_themes(str(file)).digest != table.digest
    file.write_text(file.read_text() + "[unread]\n")
    assert load_themes(str(file)).digest == Themes({"metal": ["steel", "iron work"]}).digest


@pytest.mark.parametrize(
    "content",
    ["", "themes", "[themes", "themes = 1", "[themes]\nmusic = 'drum'", "[themes]\nmusic = [1]",
     "[themes]\nmusic = ['']", "ignored = 'x'\n[themes]\n", "\ufffe"],
)  # fmt: skip
def test_what_is_no_table(tmp_path: Path, content: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content, encoding="utf-16" if content == "\ufffe" else "utf-8")
    with pytest.raises(UsageError, match=r"mine\.toml: no table of themes.*\[themes\] table"):
        load_themes(str(file))
    with pytest.raises(UsageError, match="no table of themes"):
        load_themes(str(tmp_path / "absent.toml"))


def test_the_table_is_one_to_edit() -> None:
    text = (Path(__file__).parents[3] / "nsynth_batch" / "catalog" / TABLE).read_text()
    assert text.startswith("#")


@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_names_have_themes_of_the_table_or_none(categories: list[str]) -> None:
    assert set(BUNDLED.of(categories)) <= OF_THE_ISSUE
