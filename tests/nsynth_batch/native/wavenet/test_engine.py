"""How the engine behaves: progress, interruptions, memory, and input that cannot be."""

from __future__ import annotations

import os
import signal
import threading
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from nsynth_batch.models.engine import NotFiniteError, Request
from nsynth_batch.models.instruction_sets import fastest_set
from nsynth_batch.models.machine import MemoryRefusedError
from nsynth_batch.models.wavenet import native_engine
from nsynth_batch.models.wavenet.config import CONFIGS, Config
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.wavenet.native_engine import (
    CLIPS_A_THREAD,
    NativeEngine,
    Split,
)
from nsynth_batch.models.weights import Weights
from nsynth_batch.settings.choices import Precision
from tests.nsynth_batch.native.models import (
    KINDS,
    SLOWER,
    TINY,
    generate,
    make_audio,
    make_draws,
    make_encodings,
    make_weights,
)

ENDLESS = 100_000  # frames of a clip that no test waits for


@pytest.fixture(scope="module")
def engine() -> NativeEngine:
    return NativeEngine(make_weights(TINY), threads=2)


@pytest.fixture(scope="module")
def small() -> NativeEngine:
    return NativeEngine(random_weights(CONFIGS["small"], 0), threads=2)


def test_it_says_what_it_is(engine: NativeEngine) -> None:
    assert (engine.name, engine.precision) == ("native", "float32")
    assert engine.device == "CPU, 2 threads"
    assert "numpy" in engine.versions
    assert engine.config == TINY


def test_the_fastest_instruction_set_of_the_processor_is_chosen_but_no_model_of_one() -> None:
    assert fastest_set({"amx": False, "avx512": True, "avx2": True, "portable": True}) == "avx512"
    assert fastest_set({"amx-model": True, "avx2": False, "portable": True}) == "portable"


def test_progress_adds_up_to_the_samples(small: NativeEngine) -> None:
    frames = [6, 2, 4]
    heard: list[int] = []
    generate(small, make_encodings(small.config, frames), make_draws(3), on_progress=heard.append)
    assert sum(heard) == sum(frames) * small.config.ae_hop_length
    assert min(heard) > 0


def test_an_interrupted_decode_goes_on_where_it_was(engine: NativeEngine) -> None:
    frames = [9000 // SLOWER, 3000 // SLOWER, 5000 // SLOWER]
    encodings, draws = make_encodings(TINY, frames), make_draws(3)
    kept: list[npt.NDArray[np.int16]] = []

    class Enough(Exception):
        pass

    def keep(codes: list[npt.NDArray[np.int16]]) -> None:
        kept[:] = [made.copy() for made in codes]
        raise Enough

    with pytest.raises(Enough):
        generate(engine, encodings, draws, on_codes=keep)
    assert 0 < sum(len(made) for made in kept) < sum(frames) * TINY.ae_hop_length
    resumed = generate(engine, encodings, draws, prefixes=kept)
    for got, want in zip(resumed, generate(engine, encodings, draws), strict=True):
        np.testing.assert_array_equal(got, want)


def test_going_through_prefixes_again_gives_signs_of_life_and_nothing_new(
    small: NativeEngine,
) -> None:
    hop, clips = small.config.ae_hop_length, 40
    frames = small.config.receptive_field // hop + 1
    prefixes = [np.zeros(frames * hop - 1, np.int16)] * clips
    heard: list[int] = []
    kept: list[int] = []
    generate(
        NativeEngine(random_weights(small.config, 0), threads=1),
        make_encodings(small.config, [frames] * clips),
        make_draws(clips),
        prefixes=prefixes,
        on_progress=heard.append,
        on_codes=lambda codes: kept.append(sum(map(len, codes))),
    )
    assert heard[0] == 0
    assert sum(heard) == clips
    assert kept == [clips * frames * hop]


def test_ctrl_c_ends_a_decode(engine: NativeEngine) -> None:
    encodings = make_encodings(TINY, [ENDLESS] * 4)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    # A shell's background job begins with the signal ignored, and Python leaves that so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            generate(engine, encodings, make_draws(4))
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 10


def test_other_threads_run_while_it_decodes(engine: NativeEngine) -> None:
    counted = 0
    decoding = threading.Event()

    class Enough(Exception):
        pass

    def stop(_: int) -> None:
        decoding.set()
        if counted > 100:
            raise Enough

    def decode() -> None:
        with pytest.raises(Enough):
            generate(engine, make_encodings(TINY, [ENDLESS]), make_draws(1), on_progress=stop)

    thread = threading.Thread(target=decode)
    thread.start()
    assert decoding.wait(20)
    while thread.is_alive():
        counted += 1
        time.sleep(0.001)  # counts how often this thread gets the interpreter
    thread.join()
    assert counted > 100


def test_a_draw_above_every_share_takes_the_last_bin(engine: NativeEngine) -> None:
    class Highest:
        def uniform(self, start: int, count: int) -> npt.NDArray[np.float32]:
            return np.full(count, 1.5, np.float32)

    assert set(generate(engine, make_encodings(TINY, [2]), [Highest()])[0]) == {127}


def test_nothing_to_decode(engine: NativeEngine) -> None:
    assert generate(engine, [], []) == []
    empty = generate(engine, make_encodings(TINY, [0, 0]), make_draws(2))
    assert [codes.shape for codes in empty] == [(0,), (0,)]


def test_the_batch_follows_the_memory() -> None:
    config = CONFIGS["h512_bo16"]
    tiny_weights = make_weights(TINY)
    roomy = NativeEngine(tiny_weights, threads=2, memory=10**10)
    lengths = [70] * 1000
    most = roomy.needs(lengths)
    assert most.batch == CLIPS_A_THREAD * 2
    tight = NativeEngine(tiny_weights, threads=2, memory=most.memory // 2)
    assert 1 <= tight.needs(lengths).batch < most.batch
    assert tight.needs(lengths).memory <= most.memory // 2
    assert roomy.needs(lengths, resumed=True).memory > most.memory
    # The published model's history is 6,138 steps of 512 floats a clip; it must be counted.
    history = 4 * config.width * 2 * sum(config.dilations)
    assert history == 12_570_624


def test_no_more_clips_advance_at_once_than_were_asked_for() -> None:
    def needs(batch: int) -> int:
        engine = NativeEngine(make_weights(TINY), threads=4, batch=batch, split="apart")
        return engine.needs([0] * 8).memory

    assert needs(5) - needs(4) == needs(8) - needs(7) > 0


@pytest.mark.parametrize(
    ("memory", "samples", "threads"),
    [(500_000_000, 99_840, 32), (4 * 10**9, 600 * 16_000, 2), (6 * 10**6, 99_840, 1)],
)
def test_a_full_batch_is_one_whose_queue_fits(memory: int, samples: int, threads: int) -> None:
    weights = random_weights(CONFIGS["small"], 0)
    engine = NativeEngine(weights, threads=threads, memory=memory)
    clips = engine.full_batch(samples)
    assert 1 <= clips < CLIPS_A_THREAD * threads
    assert engine.needs([samples] * clips, resumed=True).memory <= memory
    assert NativeEngine(weights, threads=threads, memory=10**12).full_batch(samples) == (
        CLIPS_A_THREAD * threads
    )
    too_many = [samples] * (CLIPS_A_THREAD * threads)
    queue = r"decoding 1 clip at once of a batch of \d+, whose draws and codes take .* MB, needs"
    with pytest.raises(MemoryError, match=queue):
        engine.needs(too_many)


def test_a_moment_without_memory_ends_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter([10**9])
    monkeypatch.setattr(native_engine, "allowed_memory", lambda _: next(left, 0))
    assert NativeEngine(make_weights(TINY), threads=1).needs([70] * 9).batch == 9


def test_memory_that_the_system_refuses_is_not_for_want_of_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = NativeEngine(make_weights(TINY), threads=1)

    class Refusing:
        def __getattr__(self, name: str) -> Callable[..., int]:
            if name.endswith("_memory"):
                return lambda **_: 1
            return self.refuse

        def refuse(self, *_: object, **__: object) -> int:
            raise MemoryError("std::bad_alloc")

    monkeypatch.setattr(engine, "_model", Refusing())
    audio, encodings = make_audio(TINY, 1, 3), make_encodings(TINY, [3])
    for call in (
        lambda: engine.encode(audio),
        lambda: engine.logits(audio, np.stack(encodings)),
        lambda: generate(engine, encodings, make_draws(1)),
    ):
        with pytest.raises(MemoryRefusedError, match=r"the system refused .* allow less memory"):
            call()


def test_memory_is_counted_before_audio_is_touched(engine: NativeEngine) -> None:
    scarce = NativeEngine(make_weights(TINY), threads=1, memory=10**6)
    frames = 100_000 // SLOWER
    audio = np.zeros((1, frames * TINY.ae_hop_length), np.float32)
    encodings = np.zeros((1, frames, TINY.ae_bottleneck), np.float32)
    tracemalloc.start()
    try:
        with pytest.raises(MemoryError, match="encoding needs"):
            scarce.encode(audio)
        with pytest.raises(MemoryError, match="logits needs"):
            scarce.logits(audio, encodings)
        assert tracemalloc.get_traced_memory()[1] < audio.nbytes
        tracemalloc.reset_peak()
        engine.encode(audio)
        assert tracemalloc.get_traced_memory()[1] < 16 * audio.size
    finally:
        tracemalloc.stop()


def test_little_memory_encodes_in_shorter_pieces_to_the_same_bytes() -> None:
    weights, audio = make_weights(TINY), make_audio(TINY, 2, 300)
    whole = NativeEngine(weights, threads=2, memory=10**9).encode(audio)
    least, most = least_memory(weights, audio), 10**9
    # Wider vectors take more: what is too little is found, not known.
    assert 10**4 < least < most
    for memory in (least, 3 * least // 2):
        tight = NativeEngine(weights, threads=2, memory=memory)
        np.testing.assert_array_equal(tight.encode(audio), whole)


def least_memory(weights: Weights[Config], audio: np.ndarray) -> int:
    """The least memory in which the engine encodes on this instruction set, by bisection."""
    refused, enough = 0, 10**9
    while enough - refused > 1:
        memory = (refused + enough) // 2
        try:
            NativeEngine(weights, threads=2, memory=memory).encode(audio)
            enough = memory
        except MemoryError:
            refused = memory
    return enough


def test_memory_that_cannot_be_had_is_an_error_before_any_work() -> None:
    weights = make_weights(TINY)
    scarce = NativeEngine(weights, threads=1, memory=5_000)
    encodings, draws = make_encodings(TINY, [50]), make_draws(1)
    heard: list[int] = []
    with pytest.raises(MemoryError, match=r"decoding 1 clip at once needs .* MB"):
        generate(scarce, encodings, draws, on_progress=heard.append)
    assert heard == []
    with pytest.raises(MemoryError, match="encoding needs"):
        scarce.encode(make_audio(TINY, 1, 300))
    with pytest.raises(MemoryError, match="logits needs"):
        scarce.logits(make_audio(TINY, 1, 50), np.stack(encodings))
    with pytest.raises(MemoryError, match="decoding 3 clips"):
        generate(NativeEngine(weights, batch=3, memory=5_000), encodings * 3, make_draws(3))


def test_input_that_cannot_be_is_refused(engine: NativeEngine) -> None:
    good, draws = make_encodings(TINY, [2, 3]), make_draws(2)
    bad = [good[0], good[1].copy()]
    bad[1][2, 0] = np.nan
    with pytest.raises(ValueError, match="encoding '1' must be finite"):
        generate(engine, bad, draws)
    with pytest.raises(ValueError, match=r"encoding '0' must be \[F, 5\], not \(2, 4\)"):
        generate(engine, [good[0][:, :4], good[1]], draws)
    for request, said in (
        (Request("a", 0, 13, conditioning=good[0]), "of 13 samples, its encoding of 2 frames of 7"),
        (Request("a", 0, 14), "clip 'a' has no encoding"),
        (Request("a", 0, 14, conditioning=good[0], prompt=np.zeros(3, np.int16)), "has a prompt"),
    ):
        with pytest.raises(ValueError, match=said):
            engine.generate([request])
    hot, cold = (Request(t, 0, 14, conditioning=good[0], temperature=float(t)) for t in "12")
    with pytest.raises(ValueError, match="all clips of a call share one temperature"):
        engine.generate([hot, cold])
    for temperature in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="temperature must be above 0"):
            generate(engine, good, draws, temperature=temperature)
    nothing = np.zeros(0, np.int16)
    with pytest.raises(ValueError, match=r"prefix '1' .* does not fit a clip of 21 samples"):
        generate(engine, good, draws, prefixes=[nothing, np.zeros(22, np.int16)])
    with pytest.raises(ValueError, match="prefix '0' holds values that are no codes"):
        generate(engine, good, draws, prefixes=[np.full(3, 128, np.int16), nothing])

    audio = make_audio(TINY, 2, 3)
    with pytest.raises(ValueError, match=r"T a multiple of 7, not \(2, 20\)"):
        engine.encode(audio[:, :20])
    with pytest.raises(ValueError, match=r"not \(21,\)"):
        engine.encode(audio[0])
    with pytest.raises(ValueError, match="audio must be finite"):
        engine.encode(np.where(audio == audio[1, 4], np.float32(np.inf), audio))
    with pytest.raises(ValueError, match=r"wanted \(2, 3, 5\)"):
        engine.logits(audio, np.zeros((2, 2, 5), np.float32))
    with pytest.raises(ValueError, match="threads must be above 0, not 0"):
        NativeEngine(make_weights(TINY), threads=0)


def test_logits_that_are_not_finite_are_an_error() -> None:
    weights = make_weights(TINY)
    tensors = {**weights.tensors, "logits/W": weights.tensors["logits/W"] * np.float32(1e38)}
    with pytest.raises(FloatingPointError, match="not finite"):
        generate(NativeEngine(Weights(TINY, tensors)), make_encodings(TINY, [3]), make_draws(1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", ["apart", "together"])
def test_clips_whose_logits_are_not_finite_leave_the_others_alone(
    kind: tuple[str, Precision], split: Split
) -> None:
    instruction_set, precision = kind
    engine = NativeEngine(
        make_weights(TINY),
        threads=2,
        batch=3,
        split=split,
        instruction_set=instruction_set,
        precision=precision,
    )
    frames = [6, 9, 4, 7, 8, 5, 9]
    encodings, draws = make_encodings(TINY, frames), make_draws(len(frames))
    bad = [1, 4]
    good = [i for i in range(len(frames)) if i not in bad]
    encodings[1][4:] = 3e38
    encodings[4][:] = -3e38
    want = generate(engine, [encodings[i] for i in good], [draws[i] for i in good])
    made: list[int] = []
    with pytest.raises(NotFiniteError, match="not finite for clip 1, 4") as raised:
        generate(engine, encodings, draws, on_codes=lambda codes: made.extend(map(len, codes)))
    assert raised.value.clips == bad
    for i, codes in zip(good, want, strict=True):
        np.testing.assert_array_equal(raised.value.made[i], codes)
    assert [len(raised.value.made[i]) for i in bad] == [0, 0]
    # What is kept of them ends before the sample that cannot be had.
    assert made[-len(frames) :][1] == 4 * TINY.ae_hop_length
    assert made[-len(frames) :][4] == 0


def test_weights_that_do_not_fit_are_refused() -> None:
    weights = make_weights(TINY)
    tensors = dict(weights.tensors)
    del tensors["res_3/W"]
    with pytest.raises(ValueError, match="tensor 'res_3/W' is missing"):
        NativeEngine(Weights(TINY, tensors))
    wider = Config(**{**TINY.to_dict(), "width": 21})
    with pytest.raises(ValueError, match="does not fit"):
        NativeEngine(Weights(wider, weights.tensors))


def test_arrays_in_any_layout_are_taken(engine: NativeEngine) -> None:
    encodings, draws = make_encodings(TINY, [4]), make_draws(1)
    strided = np.asfortranarray(encodings[0]).astype(np.float64)
    np.testing.assert_array_equal(
        generate(engine, [strided], draws)[0], generate(engine, encodings, draws)[0]
    )
    audio = make_audio(TINY, 2, 8)
    np.testing.assert_array_equal(engine.encode(np.asfortranarray(audio)), engine.encode(audio))
