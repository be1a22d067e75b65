"""The words that a setting, a flag or a stored fact may be, each list once; nothing heavy here."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float32", "bfloat16", "int16", "int8"]
"""What the products inside a decoder's layers are computed in; all else is float32."""

PrecisionChoice = Literal["auto", "float32", "bfloat16", "int16", "int8"]
"""A precision, or ``auto``: the fastest one whose stated loss is small enough."""

EngineName = Literal["auto", "native", "tensorflow", "magenta"]
"""An engine, or ``auto``: native where it is built, else tensorflow."""

Curve = Literal["random", "cosine", "linear", "blend"]
"""How a mash-up fades from one recording to the next; ``blend`` mixes all by weights."""

Length = Literal["shorter", "longer"]
"""Which of its recordings a mash-up is as long as: the shortest or the longest."""

ArrayForm = Literal["npy", "npz", "parquet"]
"""How encodings are written as files."""

CatalogState = Literal["current", "deleted", "forgotten", "unknown-licence"]
"""What a recording in the catalog is."""

Schedule = Literal["trapezoid", "published"]
"""How a training's learning rate changes from step to step."""

Split = Literal["training", "validation", "test"]
"""Which part of a published data set is taken."""

Exchange = Literal["alone", "sync", "rounds", "async"]
"""Where a model learns: in this process; on workers, a crop each; there with weights of their own
for some steps, which are averaged then; there from the newest weights, each gradient applied by
itself as it comes."""

Rule = Literal["adam", "plain"]
"""How a gradient changes the weights: by Adam, or by itself times the learning rate."""

LogFormat = Literal["text", "json"]
"""How progress is printed: lines for people, or JSON for a log collector."""

LogLevel = Literal["info", "warning", "error"]
"""How much an event of a run matters."""

MODEL_FACTS = ("checkpoint", "engine", "precision", "instruction_set")
"""What the bytes of a model's results depend on, in the order in which settings store them."""
