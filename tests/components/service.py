"""Servers that a block starts and ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Service(ABC):
    """A server; a context manager that starts it, and ends it, also where it does not start."""

    @abstractmethod
    def start(self) -> None:
        """Start what does not run, and wait until it serves."""

    @abstractmethod
    def stop(self) -> None:
        """End everything."""

    def start_or_stop(self) -> None:
        """Start it, and leave nothing running where that fails."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        self.start_or_stop()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()
