"""A clip's bytes hang on its encoding, draws, precision and instruction set: on nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.wavenet.native_engine import NativeEngine, Split
from nsynth_batch.settings.choices import Precision
from tests.nsynth_batch.native.models import (
    EXAMPLES,
    KINDS,
    SLOWER,
    TINY,
    configs,
    generate,
    make_audio,
    make_draws,
    make_encodings,
    make_weights,
)

splits = st.sampled_from(["apart", "together"])


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    config=configs,
    kind=st.sampled_from(KINDS),
    frames=st.lists(st.integers(0, 7), min_size=1, max_size=16),
    batch=st.integers(1, 17),
    threads=st.integers(1, 4),
    split=splits,
    data=st.data(),
)
def test_batch_threads_order_and_interruptions_leave_the_codes_alone(
    config: Config,
    kind: tuple[str, Precision],
    frames: list[int],
    batch: int,
    threads: int,
    split: Split,
    data: st.DataObject,
) -> None:
    weights = make_weights(config)
    encodings, draws = make_encodings(config, frames), make_draws(len(frames))
    instruction_set, precision = kind
    plain = NativeEngine(
        weights, threads=1, batch=1, instruction_set=instruction_set, precision=precision
    )
    want = generate(plain, encodings, draws)

    order = data.draw(st.permutations(range(len(frames))), label="order")
    prefixes = [
        want[i][: data.draw(st.integers(0, len(want[i])), label=f"made of clip {i}")] for i in order
    ]
    engine = NativeEngine(
        weights,
        threads=threads,
        batch=batch,
        split=split,
        instruction_set=instruction_set,
        precision=precision,
    )
    got = generate(
        engine, [encodings[i] for i in order], [draws[i] for i in order], prefixes=prefixes
    )
    for i, codes in zip(order, got, strict=True):
        np.testing.assert_array_equal(codes, want[i])


class LastDraw(Draws):
    """The draws of a clip but for one, which is chosen."""

    def __init__(self, clip_id: str, index: int, value: np.float32) -> None:
        super().__init__(0, clip_id)
        self._index, self._value = index, value

    def uniform(self, start: int, count: int) -> npt.NDArray[np.float32]:
        draws = super().uniform(start, count)
        draws[self._index - start : self._index - start + 1] = self._value
        return draws


def border(pick: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.int16]], code: int) -> int:
    """Bits of the smallest draw that gives a code above `code`: the cumulative share itself.

    Codes alone would hide a sum whose last bit is off; the border of a bin does not.
    """
    low, high = 0, int(np.float32(1).view(np.int32)) - 1
    while high - low > 1:
        tried = np.unique(np.linspace(low, high, 34).astype(np.int64))
        above = np.flatnonzero(pick(tried.astype(np.int32).view(np.float32)) > code)
        high = int(tried[above[0]])
        low = int(tried[above[0] - 1])
    return high


@pytest.mark.parametrize(("instruction_set", "precision"), KINDS)
def test_the_last_bit_of_a_probability_is_the_same_however_it_came_about(
    instruction_set: str, precision: Precision
) -> None:
    weights = make_weights(TINY)
    frames = TINY.receptive_field // TINY.ae_hop_length + 6
    encoding = make_encodings(TINY, [frames])[0]
    last = frames * TINY.ae_hop_length - 1
    made = generate(
        NativeEngine(weights, instruction_set=instruction_set, precision=precision),
        [encoding],
        [Draws(0, "clip")],
    )[0]

    def picker(
        threads: int, batch: int, split: Split, kept: int
    ) -> Callable[[npt.NDArray[np.float32]], npt.NDArray[np.int16]]:
        engine = NativeEngine(
            weights,
            threads=threads,
            batch=batch,
            split=split,
            instruction_set=instruction_set,
            precision=precision,
        )

        def pick(values: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
            clips = generate(
                engine,
                [encoding] * len(values),
                [LastDraw("clip", last, value) for value in values],
                prefixes=[made[:kept]] * len(values),
            )
            return np.array([codes[last] for codes in clips])

        return pick

    code = -30
    want = border(picker(1, 34, "apart", 0), code)
    assert border(picker(1, 1, "apart", 0), code) == want
    assert border(picker(2, 7, "apart", 0), code) == want
    assert border(picker(2, 34, "together", 0), code) == want
    for kept in (last, last - 13, TINY.receptive_field, 5):
        assert border(picker(1, 34, "apart", kept), code) == want
    assert border(picker(2, 5, "together", last - 3), code) == want


@pytest.mark.parametrize(("instruction_set", "precision"), KINDS)
def test_encodings_and_logits_do_not_hang_on_threads_or_company(
    instruction_set: str, precision: Precision
) -> None:
    weights, frames = make_weights(TINY), 100 // SLOWER
    audio = make_audio(TINY, 3, frames)
    encodings = np.stack(make_encodings(TINY, [frames] * 3))
    alone = NativeEngine(weights, threads=1, instruction_set=instruction_set, precision=precision)
    encoded = np.concatenate([alone.encode(audio[i : i + 1]) for i in range(3)])
    forced = np.concatenate(
        [alone.logits(audio[i : i + 1], encodings[i : i + 1]) for i in range(3)]
    )
    for threads in (1, 2, 5):
        engine = NativeEngine(
            weights, threads=threads, instruction_set=instruction_set, precision=precision
        )
        np.testing.assert_array_equal(engine.encode(audio), encoded)
        np.testing.assert_array_equal(engine.logits(audio, encodings), forced)
        np.testing.assert_array_equal(engine.encode(audio[1:2])[0], encoded[1])
        np.testing.assert_array_equal(engine.logits(audio[1:2], encodings[1:2])[0], forced[1])


def test_two_engines_in_one_process_do_not_disturb_each_other() -> None:
    frames = [9, 3, 12, 7]
    encodings, draws = make_encodings(TINY, frames), make_draws(len(frames))
    engines = [NativeEngine(make_weights(TINY, seed), threads=2, batch=3) for seed in (0, 1)]
    want = [generate(engine, encodings, draws) for engine in engines]
    got: list[list[npt.NDArray[np.int16]]] = [[], []]

    def decode(number: int) -> None:
        for _ in range(3):
            got[number].extend(generate(engines[number], encodings, draws))

    threads = [threading.Thread(target=decode, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in (0, 1):
        for i, codes in enumerate(got[number]):
            np.testing.assert_array_equal(codes, want[number][i % len(frames)])
