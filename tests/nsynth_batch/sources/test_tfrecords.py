"""TFRecord files that TensorFlow writes, read without it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.sources.tfrecords import (
    DamagedError,
    _crc32c_of_few,
    crc32c,
    example,
    records,
)


@given(st.binary(max_size=2000))
def test_lanes_give_the_checksum_that_bytes_one_by_one_do(data: bytes) -> None:
    assert crc32c(data) == _crc32c_of_few(data)


def features(values: dict[str, list[bytes] | list[float] | list[int]]) -> tf.train.Example:
    found = {}
    for name, value in values.items():
        if value and isinstance(value[0], bytes):
            found[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=value))
        elif value and isinstance(value[0], float):
            found[name] = tf.train.Feature(float_list=tf.train.FloatList(value=value))
        else:
            found[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=value))
    return tf.train.Example(features=tf.train.Features(feature=found))


@given(
    st.dictionaries(
        st.text(max_size=9),
        st.one_of(
            st.lists(st.binary(max_size=20), min_size=1, max_size=3),
            st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=9),
            st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9),
        ),
        max_size=5,
    )
)
def test_an_example_is_read_as_it_was_written(
    values: dict[str, list[bytes] | list[float] | list[int]],
) -> None:
    found = example(features(values).SerializeToString())
    assert {name: list(value) for name, value in found.items()} == values


@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused_or_read_as_something(data: bytes) -> None:
    try:
        example(data)
    except ValueError as error:
        assert str(error)


def test_records_and_what_is_damaged_in_them(tmp_path: Path) -> None:
    written = [bytes([n]) * n * 300 for n in range(4)]
    with tf.io.TFRecordWriter(str(tmp_path / "file")) as writer:
        for data in written:
            writer.write(data)
    whole = (tmp_path / "file").read_bytes()
    assert list(records(io.BytesIO(whole))) == written
    second = whole.index(written[1]) + 7
    other = whole[:second] + b"?" + whole[second + 1 :]
    assert list(records(io.BytesIO(other))) == [b"", None, *written[2:]]
    for damaged, wrong in (
        (whole[:-9], "record 3 is cut short"),
        (whole[:5], "record 0 has no length that its checksum fits"),
        (b"RIFF" + bytes(40), "record 0 has no length that its checksum fits"),
    ):
        with pytest.raises(DamagedError, match=wrong):
            list(records(io.BytesIO(damaged)))


def test_numbers_that_are_not_packed_are_read_too() -> None:
    value = b"\x0a\x01p\x12\x06\x1a\x04\x08\x05\x08\x06"
    entry = b"\x0a" + bytes([len(value)]) + value
    found = example(b"\x0a" + bytes([len(entry)]) + entry)
    np.testing.assert_array_equal(found["p"], [5, 6])
