"""A small NSynth data set in both published forms: notes whose pitches are known."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from hdfs_jobs.errors import UsageError
from nsynth_batch.cli import main
from nsynth_batch.sources.filters import HarvestFilter
from nsynth_batch.sources.nsynth_dataset import NO_NOTE, OTHER_FORM, NSynthSource
from tests.nsynth_batch.sources.wikis import catalog

RATE = 16_000
NOTES = {
    "bass_synthetic_033-045-050": (0, "bass", 2, "synthetic", 45, 50, (1, 7)),
    "flute_acoustic_002-069-127": (2, "flute", 0, "acoustic", 69, 127, (0,)),
    "synth_lead_synthetic_011-081-025": (9, "synth_lead", 2, "synthetic", 81, 25, ()),
}
QUALITIES = (
    "bright", "dark", "distortion", "fast_decay", "long_release", "multiphonic", "nonlinear_env",
    "percussive", "reverb", "tempo-synced",
)  # fmt: skip


def sound(pitch: int) -> np.ndarray:
    """Return a tone of a pitch, int16 [n]."""
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    tone = 9000 * np.sin(2 * np.pi * hertz * np.arange(RATE // 2) / RATE)
    return np.rint(tone).astype(np.int16)


def write_folder(folder: Path) -> None:
    (folder / "audio").mkdir(parents=True)
    listed = {}
    for name, (_, family, _, source, pitch, velocity, marks) in NOTES.items():
        soundfile.write(folder / f"audio/{name}.wav", sound(pitch), RATE, subtype="PCM_16")
        listed[name] = {
            "note_str": name,
            "instrument_family_str": family,
            "instrument_source_str": source,
            "pitch": pitch,
            "velocity": velocity,
            "qualities_str": [QUALITIES[mark] for mark in marks],
            "sample_rate": RATE,
        }
    (folder / "examples.json").write_text(json.dumps(listed))


def write_tar(path: Path, mode: str, *, last: bool = True) -> None:
    """Write an archive; its list stands behind the notes, or before them."""
    folder = path.parent / "unpacked"
    if not folder.exists():
        write_folder(folder)
    names = [*sorted(f"audio/{file.name}" for file in (folder / "audio").iterdir())]
    names.insert(len(names) if last else 0, "examples.json")
    with tarfile.open(path, mode) as archive:
        for name in names:
            archive.add(folder / name, f"{path.name.partition('.')[0]}/{name}")


def write_records(path: Path, scale: float = 1.0) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, (family, _, source, _, pitch, velocity, marks) in NOTES.items():
            numbers = {
                "pitch": [pitch],
                "velocity": [velocity],
                "instrument_family": [family],
                "instrument_source": [source],
                "qualities": [int(k in marks) for k in range(10)],
            }
            found = {
                key: tf.train.Feature(int64_list=tf.train.Int64List(value=value))
                for key, value in numbers.items()
            }
            audio = sound(pitch) / 32768 * scale
            found["note_str"] = tf.train.Feature(
                bytes_list=tf.train.BytesList(value=[name.encode()])
            )
            found["audio"] = tf.train.Feature(float_list=tf.train.FloatList(value=audio))
            both = tf.train.Example(features=tf.train.Features(feature=found))
            writer.write(both.SerializeToString())


FORMS: dict[str, Callable[[Path], None]] = {
    "folder": lambda at: write_folder(at / "nsynth-train"),
    "tar.gz": lambda at: write_tar(at / "nsynth-train.jsonwav.tar.gz", "w:gz"),
    "tar": lambda at: write_tar(at / "nsynth-train.jsonwav.tar", "w", last=False),
    "records": lambda at: write_records(at / "nsynth-train.tfrecord"),
}


def harvest(source: Path, store: Path, *flags: str) -> int:
    return main(["harvest", f"nsynth:{source}", "--store", str(store), *flags])


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_notes_with_what_is_known_of_them(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    FORMS[form](tmp_path / "in")
    store = tmp_path / "store"
    assert harvest(tmp_path / "in", store) == 0
    rows = catalog(store)
    assert {path: row.categories for path, row in rows.items()} == {
        "nsynth-train/audio/bass_synthetic_033-045-050.wav": (
            "bass", "synthetic", "bass_synthetic_033", "pitch 45", "velocity 50", "dark",
            "percussive",
        ),
        "nsynth-train/audio/flute_acoustic_002-069-127.wav": (
            "flute", "acoustic", "flute_acoustic_002", "pitch 69", "velocity 127", "bright",
        ),
        "nsynth-train/audio/synth_lead_synthetic_011-081-025.wav": (
            "synth_lead", "synthetic", "synth_lead_synthetic_011", "pitch 81", "velocity 25",
        ),
    }  # fmt: skip
    for row in rows.values():
        assert (row.licence, row.title) == ("CC-BY-4.0", Path(row.source_path or "").stem)
        assert row.author.startswith("Jesse Engel")
        pitch = int(row.categories[3].removeprefix("pitch "))
        samples, rate = soundfile.read(store / row.raw_url, dtype="int16")
        np.testing.assert_array_equal(samples, sound(pitch))
        assert rate == RATE
    assert "unknown" not in capsys.readouterr().err
    # Again, and of the part alone: nothing is new, and nothing withdrawn.
    part = next((tmp_path / "in").glob("nsynth-*"))
    assert harvest(part, store) == 0
    assert "0 new" in capsys.readouterr().err
    assert not any(row.deleted for row in catalog(store).values())


def test_a_split_is_a_part_and_a_part_in_two_forms_is_taken_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_records(tmp_path / "nsynth-train.tfrecord")
    write_records(tmp_path / "nsynth-valid.tfrecord", 0.5)
    write_folder(tmp_path / "nsynth-valid")
    assert harvest(tmp_path, tmp_path / "store", "--split", "validation") == 0
    assert {path.partition("/")[0] for path in catalog(tmp_path / "store")} == {"nsynth-valid"}
    assert f"{OTHER_FORM}: nsynth-valid.tfrecord" in capsys.readouterr().err
    # A part that is taken later withdraws none of the others.
    assert harvest(tmp_path, tmp_path / "store", "--split", "training") == 0
    assert not any(row.deleted for row in catalog(tmp_path / "store").values())
    assert harvest(tmp_path, tmp_path / "store", "--split", "test") == 2
    assert "nothing of --split test in it" in capsys.readouterr().err


def test_numbers_between_the_steps_of_16_bits_are_kept(tmp_path: Path) -> None:
    write_records(tmp_path / "nsynth-test.tfrecord", 0.3)
    assert harvest(tmp_path, tmp_path / "store") == 0
    [row] = [row for row in catalog(tmp_path / "store").values() if "pitch 69" in row.categories]
    samples, _ = soundfile.read(tmp_path / "store" / row.raw_url, dtype="float32")
    np.testing.assert_array_equal(samples, (sound(69) / 32768 * 0.3).astype(np.float32))


def test_what_is_damaged_is_named_and_the_rest_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, store = tmp_path / "nsynth-train.tfrecord", tmp_path / "store"
    write_records(file)
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 8
    file.write_bytes(whole)
    assert harvest(tmp_path, store) == 0
    assert len(catalog(store)) == 2
    kept = "".join(path.read_text() for path in (store / "quarantine").rglob("*") if path.is_file())
    assert "nsynth-train.tfrecord, record 1: its checksum does not fit" in kept
    # Cut short later: what was taken before stays.
    file.write_bytes(whole[: len(whole) // 4])
    assert harvest(tmp_path, store) == 0
    assert "record 0 is cut short" in capsys.readouterr().err
    assert not any(row.deleted for row in catalog(store).values())


def test_archives_that_are_cut_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, last = tmp_path / "first", tmp_path / "last"
    for folder in (first, last):
        folder.mkdir()
        write_tar(folder / "nsynth-train.jsonwav.tar.gz", "w:gz", last=folder is last)
        file = folder / "nsynth-train.jsonwav.tar.gz"
        file.write_bytes(file.read_bytes()[:-800])
    assert harvest(first, tmp_path / "store") == 0
    assert "is damaged" in capsys.readouterr().err
    assert len(catalog(tmp_path / "store")) in (1, 2)
    assert harvest(last, tmp_path / "other") == 2
    assert "is damaged" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_what_is_no_data_set_is_one_line(tmp_path: Path) -> None:
    everything = HarvestFilter(types=None)
    with pytest.raises(UsageError, match="no part of the NSynth data set"):
        NSynthSource(str(tmp_path), everything)
    with pytest.raises(UsageError, match="no part of the NSynth data set"):
        NSynthSource(str(tmp_path / "nowhere"), everything)
    write_folder(tmp_path / "nsynth-test")
    (tmp_path / "nsynth-test/audio/stranger.wav").write_bytes(b"RIFF")
    source = NSynthSource(str(tmp_path), everything)
    assert len(list(source.offers())) == 3
    assert source.left_out == {NO_NOTE: ["nsynth-test/audio/stranger.wav"]}
    for wrong, message in (("[]", "lists no notes by their names"), ("{", "is damaged")):
        (tmp_path / "nsynth-test/examples.json").write_text(wrong)
        with pytest.raises(UsageError, match=message):
            NSynthSource(str(tmp_path), everything).offers()
    with tarfile.open(tmp_path / "nsynth-train.jsonwav.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("readme"), io.BytesIO())
    with pytest.raises(UsageError, match=r"no examples\.json in it"):
        NSynthSource(str(tmp_path / "nsynth-train.jsonwav.tar"), everything).offers()
