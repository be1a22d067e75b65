"""Which files are taken for sound."""

from __future__ import annotations

import pytest

from sequencer.audio.suffixes import HEAD_BYTES, is_audio_name, is_sound, needs_head
from tests.sequencer.audio.containers.files import sound_file


@pytest.mark.parametrize("name", ["a.wav", "B.FLAC", "c.d.m4a", "e.WebM", "f.voc", "g.mkv"])
def test_names_of_sound(name: str) -> None:
    assert is_audio_name(name)
    assert is_sound(name)
    assert not needs_head(name)


@pytest.mark.parametrize("name", ["a.txt", "wav", "b.mid", "c.m3u", ".wav", "d.png", "e.zip"])
def test_names_of_other_things(name: str) -> None:
    assert not is_audio_name(name)
    assert not is_sound(name, b"RIFF\0\0\0\0WAVE")


def test_a_name_of_two_things_is_told_by_the_head() -> None:
    packets = (b"G" + bytes(187)) * 5
    assert is_sound("film.ts", packets[:HEAD_BYTES])
    assert not is_sound("code.ts", b"export class Sound {}\n" * 40)
    for kind, subtype, name in (("MAT5", "PCM_16", "a.mat"), ("IRCAM", "PCM_16", "b.sf")):
        assert needs_head(name)
        assert is_sound(name, sound_file(kind, subtype)[:HEAD_BYTES])
        assert not is_sound(name, b"none of these" * 9)
        assert not is_sound(name)
