"""Generated clips beside what their model was trained on, where the store has it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from hdfs_jobs.datasets.store import Store
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.cli import main
from nsynth_batch.store.corpus_sound import CorpusSound
from sequencer.audio.recording import load_audio
from sequencer.audio.samples import from_int16, to_int16
from sequencer.clips.corpus import Corpus
from sequencer.clips.gate import verdict
from sequencer.clips.measures import measure
from sequencer.rights.rights import Rights
from sequencer.rights.sources_csv import SourceRow
from tests.sequencer.sounds import RATE, RECORDINGS, encoded, noise, strokes

NAMES = ("loop_tabla", "perc_bell")
STROKES = strokes(11, 12)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of three recordings, of which one is a loop, in segments."""
    top = tmp_path_factory.mktemp("corpus")
    (top / "recordings").mkdir()
    for name in NAMES:
        shutil.copy(RECORDINGS / f"{name}.flac", top / "recordings")
    (top / "recordings" / "strokes.wav").write_bytes(encoded(STROKES))
    url = str(top / "store")
    assert main(["harvest", str(top / "recordings"), "--store", url, "--quiet"]) == 0
    assert main(["shard", "--store", url, "--workers", "1", "--quiet"]) == 0
    return Store.open(url)


@pytest.fixture(scope="module")
def corpus(store: Store) -> Corpus:
    rows = Catalog(store.storage).recordings().current()
    return Corpus.of(SourceRow(row.file_id, Rights(row.title)) for row in rows)


UNKNOWN = Corpus.of([SourceRow("1" * 40, Rights("Elsewhere"))])


def of(store: Store, corpus: Corpus, sound: np.ndarray) -> tuple[str, str]:
    samples = to_int16(sound.astype(np.float32))
    origin = CorpusSound(store, corpus, RATE).origin(samples)
    return verdict(measure(from_int16(samples), RATE), origin, corpus)


def test_a_passage_of_a_recording_is_a_copy(store: Store, corpus: Corpus) -> None:
    sound = 0.5 * STROKES[3 * RATE : 7 * RATE] + noise(4.0, 0.001)
    word, reason = of(store, corpus, sound)
    assert word == "copy"
    assert "learned by heart: from 0.0 s on it is 'strokes' from" in reason
    # A model that was trained on others has it from nowhere.
    assert of(store, UNKNOWN, sound) == ("good", "")


def test_a_loop_is_a_failure_unless_a_recording_loops_in_time(store: Store, corpus: Corpus) -> None:
    period = 2.667
    loops = {length: np.resize(strokes(3, length), 8 * RATE) for length in (period / 2, 0.77)}
    assert of(store, corpus, loops[period / 2]) == ("good", "")
    word, reason = of(store, corpus, loops[0.77])
    assert word == "loop"
    assert reason.startswith("0.77 s repeat from 0.0 s to its end")
    # Where nothing is known of the recordings it is decided by itself.
    assert of(store, UNKNOWN, loops[period / 2])[0] == "loop"


def test_a_fade_says_when_and_noise_that_no_recording_has_is_noise(
    store: Store, corpus: Corpus
) -> None:
    faded = np.concatenate([strokes(4, 3), np.zeros(5 * RATE)])
    word, reason = of(store, corpus, faded)
    assert word == "fade"
    assert reason.startswith(("it falls silent at 2.", "it falls silent at 3."))
    # Here one recording is noise: of its kind noise is what is wanted.
    swelling = noise(4.0, 0.3) * np.hanning(4 * RATE)
    assert of(store, corpus, swelling) == ("good", "")
    bells = Corpus.of(row for row in corpus.recordings if row.rights.title != "strokes")
    assert of(store, bells, swelling)[0] == "noise"
    fresh = load_audio(RECORDINGS / "guit_em9.flac", RATE)
    assert of(store, corpus, fresh) == ("good", "")
