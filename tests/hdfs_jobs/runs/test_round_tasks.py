"""The tree in which sums are added, and what a worker of several threads does at once."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from distributed import get_worker

from hdfs_jobs.runs.round_tasks import Piece, at_once, joined, shares, tree_sum
from tests.components.daskcluster import worker_threads


class Texts:
    """Parts whose sum shows how they were added."""

    def __init__(self, parts: int) -> None:
        self.parts = parts

    def add(self, a: str, b: str) -> str:
        return f"({a}+{b})"


@pytest.mark.parametrize("parts", [1, 2, 5, 6, 8, 13, 64])
def test_however_parts_are_shared_they_are_added_in_one_tree(parts: int) -> None:
    work: Any = Texts(parts)
    whole = tree_sum(range(parts), str, work.add)
    rng = np.random.default_rng(parts)
    for workers in (1, 2, 3, 7, 16):
        places = [f"worker {k // 2}" for k in range(workers)]
        sums = []
        for edges in shares(parts, places).values():
            made = [Piece(*edge, tree_sum(range(*edge), str, work.add)) for edge in edges]
            sums.append(joined(made, work))
        while len(sums) > 1:
            a, b = (sums.pop(int(rng.integers(len(sums)))) for _ in range(2))
            sums.append(joined((*a, *b), work))
        assert sums == [(Piece(0, parts, whole),)]


def meet(count: int) -> list[str]:
    """Return the worker that each item sees, once all of them are made at the same time."""
    barrier = threading.Barrier(count, timeout=30)

    def seen(item: int) -> str:
        barrier.wait()
        return f"{item} {get_worker().address}"

    return at_once(seen, range(count))


def test_a_worker_makes_so_many_parts_at_once_as_it_has_threads() -> None:
    with worker_threads(1, threads=3) as client:
        [address] = client.nthreads()
        assert client.submit(meet, 3).result() == [f"{k} {address}" for k in range(3)]
