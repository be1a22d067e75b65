"""Names of clips: readable, safe, unique, and the same in each export."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.store.clip_names import ClipNames
from sequencer.clips.clips import Clip, Parent
from sequencer.rights.rights import Rights

HEX = st.text("0123456789abcdef", min_size=24, max_size=24)


def clip(clip_id: str, *titles: str) -> Clip:
    return Clip(clip_id, "", parents=tuple(Parent("f" * 40, rights=Rights(t)) for t in titles))


@given(HEX, st.lists(st.text(), min_size=2, max_size=2))
def test_any_titles_make_a_name_that_any_file_system_takes(clip_id: str, titles: list[str]) -> None:
    name = ClipNames(Path("not there")).name_of(clip(clip_id, *titles))
    assert name.endswith(f"-{clip_id[:8]}.wav")
    assert name.isprintable()
    assert not set(name) & set('/\\:*?"<>| \0')
    assert name[0] not in ".-"
    assert len(name.encode()) <= 255


def test_clips_that_would_share_a_name_have_their_whole_id() -> None:
    names = ClipNames(Path("not there"))
    ids = ("2b69ad64" + "0" * 16, "2b69ad64" + "1" * 16)
    first, second = (names.name_of(clip(one, "bell", "crow.flac")) for one in ids)
    assert first == "bell+crow-2b69ad64.wav"
    assert second == f"bell+crow-{ids[1]}.wav"
    assert names.name_of(clip(ids[0], "bell", "crow.flac")) == first


def test_a_clip_keeps_the_name_that_it_was_exported_under(tmp_path: Path) -> None:
    new, old = "2b69ad64" + "0" * 16, "5f2c0011" + "0" * 16
    (tmp_path / "bell+crow-2b69ad64.wav").touch()
    (tmp_path / f"{old}.wav").touch()
    names = ClipNames(tmp_path)
    assert names.name_of(clip(new, "a better title", "crow")) == "bell+crow-2b69ad64.wav"
    assert names.name_of(clip(old, "bell", "crow")) == f"{old}.wav"
