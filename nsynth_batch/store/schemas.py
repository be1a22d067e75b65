"""The columns of the datasets."""

from __future__ import annotations

from dataclasses import fields

import pyarrow as pa

from sequencer.clips.measures import Measures

AUDIO = pa.schema(
    [
        ("file_id", pa.string()),
        ("segment", pa.int32()),
        ("start_seconds", pa.float64()),
        ("samples", pa.list_(pa.int16())),
    ]
)
"""A segment of a recording: 16 kHz mono."""

ENCODINGS = pa.schema(
    [
        ("file_id", pa.string()),
        ("segment", pa.int32()),
        ("frames", pa.int32()),
        ("encoding", pa.list_(pa.list_(pa.float32()))),
    ]
)
"""The encoding of a segment: frames by the width of the bottleneck."""

PARENT = pa.struct(
    [("file_id", pa.string()), ("segment", pa.int32()), ("start_seconds", pa.float64())]
)
"""A segment that a mash-up is made of."""

MASHUPS = pa.schema(
    [
        ("mash_id", pa.string()),
        ("a", PARENT),
        ("b", PARENT),
        ("seed", pa.int64()),
        ("weights", pa.list_(pa.float32())),
        ("frames", pa.int32()),
        ("encoding", pa.list_(pa.list_(pa.float32()))),
    ]
)
"""Two encodings cross-faded; `weights` is the weight of B at each frame."""

MASHUPS_OF_MANY = pa.schema(
    [
        ("mash_id", pa.string()),
        (
            "parents",
            pa.list_(
                pa.struct(
                    [
                        *PARENT,
                        ("stretch", pa.float64()),
                        ("weights", pa.list_(pa.float32())),
                    ]
                )
            ),
        ),
        ("seed", pa.int64()),
        ("frames", pa.int32()),
        ("encoding", pa.list_(pa.list_(pa.float32()))),
    ]
)
"""Three encodings or four mixed, or such as were stretched; a weight a frame of each parent."""

CLIPS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("mash_id", pa.string()),
        ("sample_rate", pa.int32()),
        ("samples", pa.list_(pa.int16())),
        ("measures", pa.struct([(field.name, pa.float64()) for field in fields(Measures)])),
    ]
)
"""A decoded mash-up and what was measured on it."""

GENERATED = pa.schema(
    [
        ("clip_id", pa.string()),
        ("number", pa.int64()),
        ("sample_rate", pa.int32()),
        ("samples", pa.list_(pa.int16())),
        ("measures", CLIPS.field("measures").type),
        ("nll", pa.float64()),
    ]
)
"""A clip that a model generated, by its number, and what was measured on it; `nll` is the model's
own nats a sample of it, where they were asked for."""

PRIMED = GENERATED.append(pa.field("prime", PARENT))
"""The same of a clip that goes on from a recording: `prime` is where that stretch begins."""
