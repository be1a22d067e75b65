from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float32]
_Split = Literal["apart", "together"]

def instruction_sets() -> dict[str, bool]: ...

class Model:
    def __init__(
        self,
        sizes: Mapping[str, int],
        tensors: Mapping[str, _Floats],
        instruction_set: str,
        precision: str,
    ) -> None: ...
    @property
    def instruction_set(self) -> str: ...
    def decode_memory(
        self, *, batch: int, threads: int, clips: int, split: _Split, resumes: bool
    ) -> int: ...
    def logits_memory(self, *, clips: int, threads: int) -> int: ...
    def encode_memory(self, *, threads: int, frames: int) -> int: ...
    def encode(self, inputs: _Floats, *, threads: int, most_frames: int) -> _Floats: ...
    def logits(self, inputs: _Floats, encodings: _Floats, *, threads: int) -> _Floats: ...
    def decode(
        self,
        encodings: Sequence[_Floats],
        uniforms: Sequence[_Floats],
        codes: Sequence[npt.NDArray[np.int16]],
        *,
        temperature: float,
        threads: int,
        batch: int,
        split: _Split,
        on_progress: Callable[[list[int], int], None] | None = None,
    ) -> list[int]: ...

def normal(uniform: float) -> float: ...

class FrameModel:
    def __init__(
        self,
        sizes: Mapping[str, int],
        tensors: Mapping[str, _Floats],
        instruction_set: str,
    ) -> None: ...
    @property
    def instruction_set(self) -> str: ...
    def memory(self, *, threads: int) -> int: ...
    def generate(
        self,
        frames: Sequence[_Floats],
        given: Sequence[int],
        uniforms: Sequence[_Floats],
        deviations: _Floats,
        *,
        window: int,
        limit: float,
        threads: int,
        on_progress: Callable[[int], None] | None = None,
    ) -> list[int]: ...
    def heads(self, frames: Sequence[_Floats], out: Sequence[_Floats], *, threads: int) -> None: ...

class SampleModel:
    def __init__(
        self,
        sizes: Mapping[str, Sequence[int] | int],
        tensors: Mapping[str, _Floats],
        instruction_set: str,
        precision: str,
    ) -> None: ...
    @property
    def instruction_set(self) -> str: ...
    def memory(self, *, clips: int, threads: int, forced: bool) -> int: ...
    def generate(
        self,
        codes: Sequence[npt.NDArray[np.int16]],
        begins: Sequence[int],
        uniforms: Sequence[_Floats],
        temperatures: _Floats,
        places: Sequence[int],
        *,
        threads: int,
        on_progress: Callable[[list[int]], None] | None = None,
    ) -> list[int]: ...
    def logits(
        self,
        codes: Sequence[npt.NDArray[np.int16]],
        out: Sequence[_Floats],
        *,
        threads: int,
    ) -> None: ...
    def nats(
        self,
        codes: Sequence[npt.NDArray[np.int16]],
        out: Sequence[npt.NDArray[np.float64]],
        *,
        threads: int,
        on_wait: Callable[[], None] | None = None,
    ) -> None: ...
