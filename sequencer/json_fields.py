"""Typed reading of JSON that may have been edited by hand: errors name the place and the field."""

from __future__ import annotations

import json
import math
from pathlib import Path, PurePosixPath

from sequencer.errors import SequencerError


class Fields:
    """Typed access to a JSON object that may have been edited by hand; errors name place and field.

    Parameters
    ----------
    value : object
        What should be an object.
    where : str
        The place, as it begins an error: "score.json, line 12".
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise SequencerError(f"{where}: an object in braces is expected")
        self._value: dict[str, object] = value
        self.where = where

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string."""
        value = self._get(name, default)
        if not isinstance(value, str):
            raise self.wrong(name, "text is expected", value)
        return value

    def integer(self, name: str, default: int | None = None, *, least: int | None = None) -> int:
        """Return a whole number, no smaller than `least`."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(name, "a whole number is expected", value)
        if least is not None and value < least:
            raise self.wrong(name, f"must be at least {least}", value)
        return value

    def number(
        self,
        name: str,
        default: float | None = None,
        *,
        least: float = -math.inf,
        most: float = math.inf,
    ) -> float:
        """Return a finite number within bounds."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(name, "a number is expected", value)
        if not math.isfinite(value):
            raise self.wrong(name, "a finite number is expected", value)
        if not least <= value <= most:
            bounds = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
            raise self.wrong(name, f"must be {bounds}", value)
        return float(value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return a list of finite numbers, empty where it is missing."""
        values = self._list(name)
        for value in values:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise self.wrong(name, "a list of numbers is expected", value)
            if not math.isfinite(value):
                raise self.wrong(name, "finite numbers are expected", value)
        return tuple(float(value) for value in values if isinstance(value, (int, float)))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings, empty where it is missing."""
        values = self._list(name)
        for value in values:
            if not isinstance(value, str):
                raise self.wrong(name, "a list of texts is expected", value)
        return tuple(str(value) for value in values)

    def objects(self, name: str) -> list[Fields]:
        """Return a list of objects, empty where it is missing."""
        return [
            Fields(value, f"{self.where}, {name}[{index}]")
            for index, value in enumerate(self._list(name))
        ]

    def mapping(self, name: str) -> Fields:
        """Return an object, empty where it is missing."""
        return Fields(self._get(name, {}), f"{self.where}, field '{name}'")

    def relative_file(self, name: str) -> str:
        """Return a path inside a folder: relative, and without a way out of it."""
        value = self.text(name)
        path = PurePosixPath(value)
        if not value or "\0" in value or path.is_absolute() or ".." in path.parts:
            raise self.wrong(name, "a path inside the clips' folder is expected", value)
        return value

    def holds(self, name: str) -> bool:
        """Whether a field is there and not null."""
        return self._value.get(name) is not None

    def names(self) -> list[str]:
        """Return the names of all fields."""
        return list(self._value)

    def wrong(self, name: str, why: str, value: object) -> SequencerError:
        """Make the error for a field."""
        shown = json.dumps(value, default=str)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        return SequencerError(f"{self.where}, field '{name}': {why}, not {shown}")

    def _get(self, name: str, default: object) -> object:
        value = self._value.get(name)
        if value is None:
            value = default
        if value is None:
            raise SequencerError(f"{self.where}: field '{name}' is missing")
        return value

    def _list(self, name: str) -> list[object]:
        value = self._get(name, [])
        if not isinstance(value, list):
            raise self.wrong(name, "a list is expected", value)
        return value


def read_fields(path: str | Path, what: str) -> tuple[str, Fields]:
    """Read a JSON file that holds one object.

    Returns
    -------
    text : str
        As it stands in the file, to find lines in.
    fields : Fields

    Raises
    ------
    SequencerError
        Where it is no JSON: with the line and the column. `what` names what it should be.
    OSError
        What reading raised.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        return text, Fields(json.loads(text), str(path))
    except UnicodeDecodeError as error:
        raise SequencerError(f"{path}: not UTF-8 text: {error.reason}") from error
    except json.JSONDecodeError as error:
        raise SequencerError(
            f"{path}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}"
        ) from error
    except RecursionError as error:
        raise SequencerError(f"{path}: not a {what}: nested too deep") from error
