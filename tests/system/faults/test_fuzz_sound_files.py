"""Damaged sound files of every container, read in processes of their own."""

from __future__ import annotations

from benchmarks.fuzz_sound_files import DAMAGES, fuzz, is_fault, make_files, make_trial


def test_no_damage_hangs_crashes_or_passes_filler_off_as_sound() -> None:
    found = list(fuzz(range(300), workers=2, limit_seconds=30))
    assert len(found) == 300
    faults = [f"seed {t.number} {t.kind} {t.damage}: {word}" for t, word in found if is_fault(word)]
    assert faults == []
    assert {trial.damage for trial, _ in found} == set(DAMAGES)
    words = {word for _, word in found}
    assert {"read", "truncated", "corrupt", "wrong-length"} <= words


def test_a_seed_names_one_file() -> None:
    files = make_files()
    assert make_trial(7, files) == make_trial(7, files)
    assert make_trial(7, files) != make_trial(8, files)
