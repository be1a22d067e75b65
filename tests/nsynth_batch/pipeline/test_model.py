"""How exact the model of a run is, and how much of a machine it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from nsynth_batch.cli import main
from nsynth_batch.models.instruction_sets import instruction_sets, with_integers
from nsynth_batch.models.precision import fastest_precision
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.family import FAMILY as SPECTRAL
from nsynth_batch.models.wavenet.config import CONFIGS, SAMPLE_RATE
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.wavenet.native_engine import CLIPS_A_THREAD
from nsynth_batch.models.weights import save_weights
from nsynth_batch.pipeline.model import RunModel, open_autoencoder, planned_spec
from nsynth_batch.settings.settings import Settings, load_settings
from nsynth_batch.stages.decode import DecodeStage
from nsynth_batch.text import size
from tests.nsynth_batch.recordings import tone, write_wav

SECONDS = 6.24


def settings(tiny: Path, **given: object) -> Settings:
    return load_settings({"checkpoint": str(tiny), **given})


def test_workers_share_this_machine(tiny: Path) -> None:
    one, four = (planned_spec(settings(tiny, workers=n)) for n in (1, 4))
    assert one.memory is not None
    assert four.memory is not None
    assert four.memory == pytest.approx(one.memory / 4, rel=0.2)
    assert four.threads <= one.threads
    asked = planned_spec(settings(tiny, workers=4, threads=3, memory="8GB"))
    assert (asked.threads, asked.memory) == (3, 8 * 10**9)


def test_of_a_schedulers_machines_only_what_is_said_is_known(tiny: Path) -> None:
    there = planned_spec(settings(tiny, scheduler="tcp://127.0.0.1:1"))
    assert (there.threads, there.memory) == (1, None)
    models = RunModel(settings(tiny, scheduler="tcp://127.0.0.1:1"))
    spec = models.spec(models.decoder)
    assert (spec.threads, spec.memory) == (None, None)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_task_fills_the_engine(tiny: Path, threads: int) -> None:
    models = RunModel(settings(tiny, threads=threads))
    assert models.batch_size(10_000, 10_000 * SECONDS) == CLIPS_A_THREAD * threads
    assert models.batch_size(20, 20 * SECONDS) == 8


def test_a_large_model_on_an_engine_that_cannot_resume_decodes_few_at_once(tmp_path: Path) -> None:
    large = tmp_path / "large.safetensors"
    save_weights(random_weights(CONFIGS["h512_bo16"], seed=0), large)
    models = RunModel(settings(large, engine="tensorflow"))
    assert models.batch_size(10_000, 10_000 * SECONDS) == 4


def test_what_a_task_takes_is_said(tiny: Path) -> None:
    line = RunModel(settings(tiny, threads=1, memory="1GB", precision="int16")).memory_note(
        64, 1000
    )
    assert line.startswith(f"64 clips a task, {CLIPS_A_THREAD} at once in ")
    assert " of 1.0 GB a worker; native, int16, " in line


def test_a_resume_takes_no_more_than_was_said(tiny: Path) -> None:
    models = RunModel(settings(tiny, threads=1, memory="1GB"))
    engine = models.decoder.engine
    assert engine.resumes
    needs = engine.needs([1000] * 8, resumed=True).memory
    assert needs > engine.needs([1000] * 8).memory
    assert f" at once in {size(needs)} of" in models.memory_note(8, 1000)


def test_a_task_is_no_larger_than_its_queue_has_memory_for(tiny: Path) -> None:
    models = RunModel(settings(tiny, threads=32, memory="100MB"))
    clips = models.batch_size(10_000, 10_000 * SECONDS)
    assert clips < CLIPS_A_THREAD * 32
    models.memory_note(clips, round(SECONDS * SAMPLE_RATE))


def test_where_threads_are_not_known_it_is_said_what_was_planned_with(tiny: Path) -> None:
    note = "planned for 1 thread a worker: --threads says how many they have"
    there = {"scheduler": "tcp://127.0.0.1:1"}
    assert note in RunModel(settings(tiny, **there)).memory_note(8, 1000)
    assert note not in RunModel(settings(tiny, **there, threads=2)).memory_note(8, 1000)
    assert note not in RunModel(settings(tiny)).memory_note(8, 1000)


def test_memory_that_lacks_is_told_before_any_work(tiny: Path) -> None:
    with pytest.raises(UsageError, match=r"not enough memory .* allow each more with --memory"):
        RunModel(settings(tiny, memory="1kB")).require(["decoder"], 1000)
    # What is queued takes memory too, even if few are decoded at once.
    with pytest.raises(UsageError, match=r"batch of 500, whose .* a smaller --batch"):
        RunModel(settings(tiny, memory="1MB")).memory_note(500, 10**6)


def test_a_precision_that_cannot_be_had_is_told_before_any_work(tiny: Path) -> None:
    with pytest.raises(UsageError, match="float32 or bfloat16, not in int8"):
        RunModel(settings(tiny, engine="tensorflow", precision="int8")).require(["decoder"], 1000)
    RunModel(settings(tiny, engine="tensorflow", precision="int8")).require(["encoder"], 1000)


def test_encoding_is_float32_whatever_decodes(tiny: Path) -> None:
    models = RunModel(settings(tiny, engine="tensorflow", precision="bfloat16"))
    assert models.spec(models.encoder).precision == "float32"
    assert models.spec(models.decoder).precision == "bfloat16"


def test_workers_are_told_what_the_plan_has_chosen(tiny: Path) -> None:
    models = RunModel(settings(tiny, engine="auto"))
    spec = models.spec(models.decoder)
    assert spec.engine == "native"
    assert spec.facts().items() <= models.decoder.facts().items()


def test_a_worker_that_lacks_what_the_plan_has_chosen_refuses(tiny: Path) -> None:
    lacking = [name for name, there in instruction_sets().items() if not there]
    for name in ["mmx", *lacking]:
        models = RunModel(settings(tiny))
        spec = replace(models.spec(models.decoder), instruction_set=name)
        stage = DecodeStage(spec, seed=0, temperature=1.0, sample_rate=16_000)
        with pytest.raises(UsageError, match=f"(unknown|lacks the) instruction set '{name}'"):
            stage.facts(1)


def test_what_is_asked_for_is_told_before_a_command_begins(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ("--store", str(tmp_path / "none"), "--checkpoint", str(tiny))
    for words, said in (
        (("--memory", "10kB"), "not enough memory for the model: decoding 1 clip at once needs"),
        (("--memory", "much"), "--memory is 'much': "),
        (("--threads", "0"), "--threads is 0: "),
        (("--precision", "int8", "--engine", "tensorflow"), "float32 or bfloat16, not in int8"),
    ):
        assert main(["decode", *store, *words]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_a_dry_run_says_what_a_task_will_take(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "in" / "tone.wav", tone(3.0))
    write_wav(tmp_path / "in" / "other.wav", tone(2.9))
    words = ["run", str(tmp_path / "in"), "--store", str(tmp_path / "store"), "--pairs", "20"]
    words += ["--checkpoint", str(tiny), "--segment-seconds", "0.128", "--dry-run"]
    assert main([*words, "--memory", "1GB"]) == 0
    assert "clips: 8 clips a task, 8 at once in " in capsys.readouterr().out
    assert main([*words, "--memory", "10kB"]) == 2
    assert "not enough memory" in capsys.readouterr().err


def test_auto_is_the_fastest_that_loses_little() -> None:
    tables = {"amx": ("int8", "bfloat16", "float32"), "avx2": ("int8", "int16")}
    assert fastest_precision("amx", tables, {"int8": 0.009, "bfloat16": 0.0}) == "int8"
    assert fastest_precision("amx", tables, {"int8": 0.011, "bfloat16": 0.001}) == "bfloat16"
    assert fastest_precision("avx2", tables, {"bfloat16": 0.0}) == "float32"
    assert fastest_precision("portable") == "float32"
    assert fastest_precision("avx2") == "int8"
    assert fastest_precision(with_integers("avx512", {"avx512f"})) == "float32"
    assert fastest_precision(with_integers("avx512", {"avx512f", "avx512_vnni"})) == "int8"


def test_a_temperature_is_refused_where_the_model_has_none(tmp_path: Path) -> None:
    file = tmp_path / "spectral.safetensors"
    save_weights(SPECTRAL.initial(SpectralConfig(width=4, hidden=4), 0), file)
    assert RunModel(settings(file)).decoder.family == open_autoencoder(settings(file)).family
    warm = settings(file, temperature=0.7)
    with pytest.raises(UsageError, match=r"--temperature 0\.7: .* draws no samples and has none"):
        _ = RunModel(warm).decoder
    with pytest.raises(UsageError, match="has none"):
        open_autoencoder(warm)
