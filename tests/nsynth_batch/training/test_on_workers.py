"""Training on workers and drivers that are killed: the same bytes as in a plain loop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from distributed import Client

from hdfs_jobs.errors import InfrastructureError, UsageError
from hdfs_jobs.runs.lease import acquire
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.weights import CheckpointError
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.gradients import Gradients
from nsynth_batch.training.on_workers import train_on_workers
from nsynth_batch.training.options import TrainingProgress
from nsynth_batch.training.trainer import Trainer
from nsynth_batch.training.update_log import NAME, read_updates
from nsynth_batch.training.whole_batches import WholeBatches
from tests.components.daskcluster import forked_workers
from tests.nsynth_batch.training.small_trainings import (
    RUN,
    STEPS,
    WHOLE,
    begun,
    corpus,
    crops,
    frames,
    learn,
    published,
    replayed,
    samplernn,
    state,
    train_in_stages,
    train_plainly,
    whole,
)

DRIVER = """
import os, signal, sys
from pathlib import Path
from hdfs_jobs.runs.cluster import Cluster
from nsynth_batch.training.on_workers import train_on_workers
from tests.nsynth_batch.training.small_trainings import RUN, corpus, crops

def die(progress):
    if progress.step == 4:
        os.kill(os.getpid(), signal.SIGKILL)

with Cluster(sys.argv[1]) as cluster:
    train_on_workers(
        crops(Path(sys.argv[2])), corpus(), cluster.client(), run=RUN, report_steps=2,
        save_seconds=0.0, on_progress=die, lease_seconds=1.0,
    )
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with forked_workers(2, "tensorflow", crops.__module__) as started:
        yield started


def same_files(a: Path, b: Path, *more: str) -> bool:
    names = (f"model-{STEPS}.safetensors", f"training-{STEPS}.safetensors", "model.json", *more)
    return all((a / name).read_bytes() == (b / name).read_bytes() for name in names)


@pytest.fixture(scope="module")
def plain(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a training by a plain loop, of two threads as a worker may have."""
    folder = tmp_path_factory.mktemp("plain")
    client.submit(train_plainly, begun(crops(folder)), threads=2).result()
    return folder


def test_a_killed_driver_and_a_killed_worker_change_no_byte(
    client: Client, plain: Path, tmp_path: Path
) -> None:
    address = client.scheduler_info()["address"]
    driver = subprocess.run([sys.executable, "-c", DRIVER, address, str(tmp_path)])
    assert driver.returncode == -signal.SIGKILL
    assert crops(tmp_path).step == 4

    seen: list[TrainingProgress] = []

    def kill(progress: TrainingProgress) -> None:
        seen.append(progress)
        if progress.step == 6:
            os.kill(max(client.run(os.getpid).values()), signal.SIGKILL)

    listened: list[tuple[int, str]] = []
    train_on_workers(
        crops(tmp_path),
        corpus(),
        client,
        run=RUN,
        report_steps=2,
        on_progress=kill,
        listen_steps=3,
        on_listen=lambda step, weights: listened.append((step, weights.metadata["step"])),
        lease_seconds=1.0,
    )
    assert [progress.step for progress in seen] == [6, 8]
    assert listened == [(6, "6"), (8, "8")]
    assert all(0 <= (progress.exchange_share or 0) <= 1 for progress in seen)
    assert seen[0].loss and np.isfinite(seen[0].loss)
    assert same_files(tmp_path, plain)
    assert not list(tmp_path.glob("corpus-*"))
    assert load_checkpoint(tmp_path).metadata["title"] == "a test"


def test_streams_carry_their_state_through_a_stop(client: Client, tmp_path: Path) -> None:
    seen: list[TrainingProgress] = []
    stop = threading.Event()

    def stop_there(progress: TrainingProgress) -> None:
        seen.append(progress)
        if progress.step == 2:
            stop.set()

    for ended in (stop, None):
        train_on_workers(
            samplernn(tmp_path / "workers"), corpus(), client, run=RUN, report_steps=1, stop=ended,
            on_progress=stop_there,
        )  # fmt: skip
    assert [progress.step for progress in seen] == list(range(1, STEPS + 1))
    client.submit(train_plainly, begun(samplernn(tmp_path / "plain"))).result()
    assert same_files(tmp_path / "workers", tmp_path / "plain")

    with pytest.raises(CheckpointError, match=r"other sizes or options \(exchange\)"):
        samplernn(tmp_path / "workers", exchange="alone")


def test_a_batch_is_normalised_as_one_whatever_the_workers(client: Client, tmp_path: Path) -> None:
    time = np.arange(80_000) / 16_000
    notes = [9000 * np.sin(2 * np.pi * hertz * time) * np.exp(-time) for hertz in (220, 330, 415)]
    sounds = Corpus([(f"{k}", [note.astype(np.int16)]) for k, note in enumerate(notes)])
    seen: list[int] = []

    def kill(progress: TrainingProgress) -> None:
        seen.append(progress.step)
        if progress.step == 1:
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

    train_on_workers(
        whole(tmp_path / "workers"), sounds, client, run=RUN, report_steps=1, on_progress=kill
    )
    assert seen == [1, 2]
    plain = whole(tmp_path / "plain")
    work = WholeBatches.of(plain, published(plain, sounds))
    made, wanted = client.submit(train_in_stages, work).result()
    for name in ("model-2.safetensors", "training-2.safetensors"):
        one, other = (tmp_path / folder / name for folder in ("workers", "plain"))
        assert one.read_bytes() == other.read_bytes()

    assert made.loss == pytest.approx(wanted.pop("loss"), rel=1e-5)
    for name, tensor in zip(plain.family.tensor_shapes(WHOLE), made.tensors, strict=True):
        value = made.averaged.get(name, tensor)
        close = 1e-6 + 1e-2 * np.abs(wanted[name]).max()
        np.testing.assert_allclose(value, wanted[name], atol=close, err_msg=name)
    for exchange in ("rounds", "async"):
        with pytest.raises(ValueError, match=rf"worker of --exchange {exchange} would see a part"):
            whole(tmp_path / exchange, exchange=exchange)


@pytest.mark.parametrize("kind", [crops, frames])
def test_rounds_of_one_plain_step_are_synchronous_steps_and_those_of_one_process(
    client: Client, tmp_path: Path, kind: Callable[..., Trainer]
) -> None:
    def trainer(how: str) -> Trainer:
        return kind(tmp_path / how, exchange=how, rule="plain", clip_norm=1e9, batch=8)

    found = [client.submit(learn, begun(trainer(how)), 4).result() for how in ("sync", "rounds")]
    alone, stop = trainer("alone"), threading.Event()
    first = alone.averaged().tensors
    alone.train(corpus(), report_steps=4, on_progress=lambda _: stop.set(), stop=stop)
    found.append(client.submit(state, begun(trainer("alone"))).result())
    together, local, by_itself = ({**state.slots["weights"], **state.streams} for state in found)
    # Additions have another order.
    for name, value in together.items():
        np.testing.assert_allclose(local[name], value, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(by_itself[name], value, rtol=1e-3, atol=1e-5)
    assert any((together[name] != value).any() for name, value in first.items())


def test_rounds_go_on_exactly_after_a_stop(client: Client, tmp_path: Path) -> None:
    def trainer(name: str) -> Trainer:
        return frames(tmp_path / name, exchange="rounds", local_steps=2)

    seen: list[int] = []
    stop = threading.Event()

    def stop_there(progress: TrainingProgress) -> None:
        seen.append(progress.step)
        assert set(progress.beside) == {"variance", "repeat"}
        if progress.step == 4:
            stop.set()

    for ended in (stop, None):
        train_on_workers(
            trainer("workers"), corpus(), client, run=RUN, report_steps=2, stop=ended,
            on_progress=stop_there,
        )  # fmt: skip
    assert seen == [2, 4, 6, 8]
    client.submit(train_plainly, begun(trainer("plain")), STEPS // 2).result()
    assert same_files(tmp_path / "workers", tmp_path / "plain")


def test_a_training_that_is_over_or_anothers_is_left_as_it_is(client: Client, plain: Path) -> None:
    before = (plain / f"training-{STEPS}.safetensors").stat().st_mtime_ns
    train_on_workers(crops(plain), corpus(), client, run=RUN)
    lease = acquire(open_storage(str(plain)), "another", seconds=1.0)
    assert lease is not None
    try:
        with pytest.raises(InfrastructureError, match="is held by another of"):
            train_on_workers(crops(plain), corpus(), client, run=RUN)
    finally:
        lease.release()
    assert (plain / f"training-{STEPS}.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        (tf, "__version__", r"worker tcp://\S+ has TensorFlow \d\S+ instead of another"),
        (
            sys.modules["nsynth_batch.training.gradients"],
            "processor_instruction_set",
            r"worker tcp://\S+ has instruction set .* instead of another",
        ),
    ],
    ids=["TensorFlow", "instruction set"],
)
def test_workers_of_another_kind_are_refused_by_name(
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    message: str,
) -> None:
    monkeypatch.setattr(module, name, "another" if module is tf else lambda: "another")
    with pytest.raises(UsageError, match=message):
        train_on_workers(frames(tmp_path), corpus(), client, run=RUN)


def test_what_is_not_finite_names_its_streams(client: Client, tmp_path: Path) -> None:
    training = frames(tmp_path, learning_rate=1e30, warmup_steps=0)
    with pytest.raises(FloatingPointError, match=r"finite at step [1-7], streams [048] to (3|7|9)"):
        train_on_workers(training, corpus(), client, run=RUN)
    # Nothing of it is saved.
    assert frames(tmp_path, learning_rate=1e30, warmup_steps=0).step == 0


def test_crops_hang_on_none_and_groups_of_streams_on_their_own(tmp_path: Path) -> None:
    single = Gradients.of(crops(tmp_path / "crops", batch=1, exchange="async"), "none")
    assert (single.lanes, single.pieces, single.number(7), single.step(7)) == (0, 1, 7, 7)
    groups = Gradients.of(frames(tmp_path / "streams", exchange="async"), "none")
    assert (groups.lanes, groups.pieces, groups.number(7), groups.step(20)) == (3, 3, 21, 6)


def test_the_log_gives_the_same_bytes_though_a_worker_was_killed(
    client: Client, tmp_path: Path
) -> None:
    seen: list[TrainingProgress] = []

    def kill(progress: TrainingProgress) -> None:
        seen.append(progress)
        if progress.step == 2:
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

    listened: list[tuple[int, str]] = []
    train_on_workers(
        crops(tmp_path / "workers", exchange="async"),
        corpus(),
        client,
        run=RUN,
        most_stale=3,
        report_steps=2,
        on_progress=kill,
        listen_steps=3,
        on_listen=lambda step, weights: listened.append((step, weights.metadata["step"])),
    )
    assert [progress.step for progress in seen] == [2, 4, 6, 8]
    assert listened == [(3, "3"), (6, "6"), (8, "8")]
    assert all(0 <= (progress.exchange_share or 0) <= 1 for progress in seen)
    log = read_updates(str(tmp_path / "workers" / NAME)).updates
    assert [one.piece for one in sorted(log)] == list(range(STEPS))
    found = sum((Counter(dict(progress.staleness)) for progress in seen), Counter[int]())
    # What was lost with the worker was reported as it was made first; the log has what counts.
    assert found.total() == STEPS
    assert max(found) <= 3
    assert all(0 <= k - one.began <= 3 for k, one in enumerate(log))
    assert not list((tmp_path / "workers").glob("corpus-*"))

    log_file = tmp_path / "workers" / NAME
    heard = client.submit(replayed, crops, tmp_path / "again", log_file, listen_steps=3).result()
    # Dask runs it again where its worker is lost, and it goes on from what it saved.
    assert heard == [3, 6, 8][-len(heard) :]
    assert same_files(tmp_path / "again", tmp_path / "workers", NAME)


def test_streams_of_an_asynchronous_training_go_through_a_stop_and_a_replay(
    client: Client, tmp_path: Path
) -> None:
    seen: list[int] = []
    stale: Counter[int] = Counter()
    stop = threading.Event()

    def stop_there(progress: TrainingProgress) -> None:
        seen.append(progress.step)
        stale.update(progress.staleness)
        if progress.step == 2:
            stop.set()

    def trainer(name: str) -> Trainer:
        return frames(tmp_path / name, exchange="async")

    for ended in (stop, None):
        train_on_workers(
            trainer("workers"), corpus(), client, run=RUN, report_steps=1, stop=ended,
            on_progress=stop_there,
        )  # fmt: skip
    assert seen == list(range(1, STEPS + 1))
    log = tmp_path / "workers" / NAME
    # A step has three groups of streams, and each group learns in the order of its steps.
    updates = read_updates(str(log)).updates
    assert sorted(one.piece for one in updates) == list(range(3 * STEPS))
    assert stale == Counter(k - one.began for k, one in enumerate(updates))
    for group in range(3):
        pieces = [one.piece for one in updates if one.piece % 3 == group]
        assert pieces == sorted(pieces)
    assert client.submit(replayed, frames, tmp_path / "again", log).result() == [STEPS]
    assert same_files(tmp_path / "again", tmp_path / "workers", NAME)
    trained = load_checkpoint(tmp_path / "again").tensors
    first = trainer("new").averaged().tensors
    assert any((trained[name] != value).any() for name, value in first.items())
    # A model without its log does not go on.
    log.unlink()
    with pytest.raises(CheckpointError, match=r"updates\.jsonl: no such log"):
        train_on_workers(trainer("workers"), corpus(), client, run=RUN)
