"""On which line of a JSON text each element of its lists begins."""

from __future__ import annotations

import json
from collections.abc import Iterator


def element_lines(text: str) -> dict[str, list[int]]:
    """Return the line numbers of the elements of each list at the top of a valid JSON object."""
    decoder = json.JSONDecoder()
    found: dict[str, list[int]] = {}
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == "[":
            places = list(_element_places(decoder, text, at + 1))
            at = places.pop()
            found[str(key)] = _line_numbers(text, places)
        else:
            _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
    return found


def _element_places(decoder: json.JSONDecoder, text: str, at: int) -> Iterator[int]:
    """Yield where each element of a list begins, and at last where the list ends."""
    at = _skip(text, at)
    while text[at] != "]":
        yield at
        _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
    yield at + 1


def _line_numbers(text: str, places: list[int]) -> list[int]:
    numbers: list[int] = []
    line, before = 1, 0
    for place in places:
        line += text.count("\n", before, place)
        before = place
        numbers.append(line)
    return numbers


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,:":
        at += 1
    return at
