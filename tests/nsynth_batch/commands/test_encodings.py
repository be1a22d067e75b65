"""`encodings`, and `decode --from`: encodings as arrays, worked on, and back to sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from nsynth_batch.cli import main
from nsynth_batch.nsynth import load_model
from nsynth_batch.store.encoding_files import read_encodings
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav

HOP = 512
WIDTH = 16


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Job:
    """Two recordings, one of several segments; the other's title holds what a file's may not."""
    job = Job(tmp_path_factory.mktemp("job"), tiny)
    write_wav(job.recordings / "bell.wav", tone(0.7, 440))
    write_wav(job.recordings / "owl.wav", tone(0.3, 330))
    (job.recordings / "sources.csv").write_text(
        "file,author,licence,title,category\n"
        "bell.wav,Ann,CC-BY-4.0,Bell / the great,music\nowl.wav,Bob,CC0-1.0,Owl,nature\n"
    )
    done = job.run("--pairs", "1", "--workers", "1")
    assert done.returncode == 0, done.stderr
    return job


def flags(tiny: Path) -> list[str]:
    return ["--checkpoint", str(tiny), "--precision", "float32", "--seed", "5"]


@pytest.mark.parametrize("form", ["npy", "npz", "parquet"])
def test_encodings_go_out_and_come_back_with_their_rights(
    job: Job, tiny: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, sounds = tmp_path / "arrays", tmp_path / "sounds"
    words = ["encodings", "--store", job.url, "--to", str(folder), "--format", form]
    assert main(words) == 0
    assert "2 encodings, 30 frames, 2 written" in capsys.readouterr().out
    assert main([*words, "--picture"]) == 0
    assert f"{folder}: 2 pictures" in capsys.readouterr().out
    bell, owl = read_encodings(folder, WIDTH)
    for each in (bell, owl):
        assert (folder / f"{each.name}.png").read_bytes().startswith(b"\x89PNG")
    assert bell.name.startswith("Bell-the-great-")
    assert (bell.rights.author, bell.rights.licence) == ("Ann", "CC-BY-4.0")
    assert (bell.encoding.shape, owl.encoding.shape) == ((21, WIDTH), (9, WIDTH))
    segments = [tone(0.7, 440)[at : at + 8 * HOP] for at in (0, 8 * HOP, 16 * HOP)]
    model = load_model(tiny, threads=1)
    for at, segment in zip((0, 8, 16), segments, strict=True):
        exact = np.round(segment * 32768).astype(np.float32) / 32768
        expected = model.encode(exact[None])[0]
        np.testing.assert_allclose(bell.encoding[at : at + 8], expected, atol=1e-3)

    decode = ["decode", "--from", str(folder), "--to", str(sounds), *flags(tiny)]
    assert main(decode) == 0
    assert f"{sounds}: 2 sounds" in capsys.readouterr().out
    path = sounds / f"{bell.name}.wav"
    before = path.read_bytes()
    with soundfile.SoundFile(path) as file:
        assert file.frames == 21 * HOP
        tags = file.copy_metadata()
    assert tags["artist"] == "Ann"
    assert tags["copyright"].startswith("CC-BY-4.0")
    assert main(words) == 0
    assert "0 written" in capsys.readouterr().out
    if form == "npy":
        # One that is worked on changes its own sound alone.
        np.save(folder / f"{owl.name}.npy", owl.encoding[::-1].repeat(2, axis=0))
        assert main(words) == 0
    assert main(decode) == 0
    assert path.read_bytes() == before
    frames = 18 if form == "npy" else 9
    assert soundfile.info(sounds / f"{owl.name}.wav").frames == frames * HOP


def test_encodings_of_another_model_are_refused(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "arrays", tmp_path / "out"
    folder.mkdir()
    # Of the same width, so that nothing but the digest says so.
    np.save(folder / "bell.npy", np.zeros((3, WIDTH), np.float32))
    (folder / "encodings.json").write_text('{"checkpoint": "0123abcd", "hop": 512}')
    assert main(["decode", "--from", str(folder), "--to", str(out), *flags(tiny)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{folder} holds encodings of another model than {tiny}" in error
    assert "0123abcd" in error
    assert not out.exists()


def test_files_of_magenta_are_read_as_they_are(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "magenta"
    folder.mkdir()
    np.save(folder / "cow_embeddings.npy", np.zeros((1, 3, WIDTH), np.float64))
    out = tmp_path / "out"
    assert main(["decode", "--from", str(folder), "--to", str(out), *flags(tiny)]) == 0
    assert soundfile.info(out / "cow_embeddings.wav").frames == 3 * HOP


BAD = {
    "width": (np.zeros((3, 8), np.float32), "numbers are wanted"),
    "nan": (np.full((3, WIDTH), np.nan, np.float32), "not finite"),
    "none": (np.zeros((0, WIDTH), np.float32), "no frame"),
    "flat": (np.zeros(WIDTH, np.float32), "numbers are wanted"),
    "text": (np.array([["a"] * WIDTH]), "numbers are wanted"),
}


def test_what_is_no_encoding_is_one_line_and_2(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    def refused(folder: Path, words: str) -> None:
        assert main(["decode", "--from", str(folder), "--to", str(out), *flags(tiny)]) == 2
        error = capsys.readouterr().err
        assert words in error, error
        assert error.count("\n") == 1
        assert str(folder) in error
        assert not out.exists()

    for name, (array, words) in BAD.items():
        folder = tmp_path / name
        folder.mkdir()
        np.save(folder / "good.npy", np.zeros((2, WIDTH), np.float32))
        np.save(folder / "bad.npy", array)
        refused(folder, words)
    for name, content in (("cut.npy", b"\x93NUMPY"), ("a.npz", b"no"), ("a.parquet", b"PAR1")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_bytes(content)
        refused(folder, "cannot be read as encodings")
    ragged = tmp_path / "ragged"
    ragged.mkdir()
    table = pa.table({"name": ["a"], "encoding": [[[0.0] * WIDTH, [0.0] * 3]]})
    pq.write_table(table, ragged / "a.parquet")
    refused(ragged, "different widths")
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(empty, "holds no encodings")
    (empty / "sources.csv").mkdir()
    refused(empty, "sources.csv cannot be read (Is a directory): without it the rights")
    refused(tmp_path / "missing", "no such folder")


def test_folders_of_others_are_left_alone(
    job: Job, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = write_wav(tmp_path / "in" / "bell.wav")
    for folder in (theirs, theirs.parent, Path(job.url)):
        assert main(["encodings", "--store", job.url, "--to", str(folder)]) == 2
        assert "a folder of their own" in capsys.readouterr().err
    np.save(tmp_path / "bell.npy", np.zeros((2, WIDTH), np.float32))
    before = theirs.read_bytes()
    words = ["decode", "--from", str(tmp_path), *flags(tiny)]
    assert main([*words, "--to", str(theirs.parent)]) == 2
    assert "was not written by this command" in capsys.readouterr().err
    assert theirs.read_bytes() == before
    assert main(words) == 2
    assert "--from needs --to" in capsys.readouterr().err
    assert main(["decode", "--to", str(tmp_path / "out")]) == 2
    assert "--to goes with --from" in capsys.readouterr().err
