from __future__ import annotations

from dataclasses import replace

from sequencer.clips.clips import Clip, Parent
from sequencer.credits.credits import credits_text, sources
from sequencer.rights.rights import Rights
from sequencer.score.score import Event, Master, Score
from tests.sequencer.scores import CHOIR, WIND


def score_of(*clips: Clip) -> Score:
    events = tuple(Event(n * 100, clip.clip_id, 0, 100) for n, clip in enumerate(clips))
    by_id = {clip.clip_id: clip for clip in clips}
    return Score(7, 16_000, 16_000 * 125, "matched", Master(), by_id, events)


SAW = Parent("3" * 40, rights=Rights("Saw"))


def test_a_mash_up_names_both_and_what_was_done() -> None:
    text = credits_text(score_of(Clip("a", "a.wav", mash_id="m", parents=(WIND, CHOIR))))
    assert text == (
        "Credits\n"
        "=======\n"
        "\n"
        "This composition (2:05, seed 7) is made of 1 clip from 2 recordings. "
        "Nobody named here endorses it.\n"
        "\n"
        "No licence could be stated for the whole.\n"
        "\n"
        '1. "Choir" by Bob\n'
        "   Licence: CC-BY-4.0 OR GFDL-1.3-only; CC-BY-4.0 is Creative Commons Attribution 4.0, "
        "https://creativecommons.org/licenses/by/4.0/; GFDL-1.3-only is "
        "GNU Free Documentation License 1.3, https://www.gnu.org/licenses/fdl-1.3.html\n"
        '   Changes: cross-faded with "Wind" in latent space, decoded, trimmed, mixed.\n'
        "\n"
        '2. "Wind" by Ann\n'
        "   Page: https://example.org/wind\n"
        "   Licence: CC-BY-SA-4.0; Creative Commons Attribution-ShareAlike 4.0, "
        "https://creativecommons.org/licenses/by-sa/4.0/\n"
        "   Attribution: Ann, of the hills\n"
        '   Changes: cross-faded with "Choir" in latent space, decoded, trimmed, mixed.\n'
    )


def test_the_licence_of_the_result_is_told() -> None:
    score = score_of(Clip("a", "a.wav", parents=(WIND, CHOIR)))
    text = credits_text(replace(score, licence="CC-BY-SA-4.0"))
    assert "fdl-1.3.html\n   Used under: CC-BY-4.0\n" in text
    assert text.count("Used under") == 1
    assert (
        "\nIt may be used under CC-BY-SA-4.0; Creative Commons Attribution-ShareAlike 4.0, "
        "https://creativecommons.org/licenses/by-sa/4.0/.\n"
    ) in text


def test_every_partner_is_named_once_and_unknown_is_said() -> None:
    score = score_of(
        Clip("a", "a.wav", mash_id="m", parents=(WIND, CHOIR)),
        Clip("b", "b.wav", mash_id="n", parents=(WIND, SAW)),
        Clip("c", "c.wav", mash_id="o", parents=(CHOIR, WIND)),
        Clip("d", "d.wav", parents=(SAW,)),
    )
    partners = {source.title: source.partners for source in sources(score)}
    assert partners == {"Choir": ["Wind"], "Saw": ["Wind"], "Wind": ["Choir", "Saw"]}
    assert [each.title for each in sources(score) if not each.rights.known] == ["Saw"]
    text = credits_text(score)
    assert "The licence of 1 recording is not known" in text
    assert '"Saw" by author unknown\n   Licence: unknown (LicenseRef-unknown)' in text
    assert "decoded, trimmed, mixed; trimmed, levelled, cross-faded with its neighbours" in text


def test_clips_without_parents_are_named_too() -> None:
    text = credits_text(score_of(Clip("a", "sub/a.wav")))
    assert '1. "sub/a.wav" by author unknown' in text
    assert "unknown (LicenseRef-unknown)" in text


def test_titles_cannot_write_lines() -> None:
    hostile = Parent("4" * 40, rights=Rights('x"\n\n2. "Mine', "Eve\r\u2028\u202eby\tall", "MIT"))
    text = credits_text(score_of(Clip("a", "a.wav", parents=(hostile,))))
    assert '1. "x" 2. "Mine" by Eve by all\n' in text
    assert text.count("\n\n") == 3
