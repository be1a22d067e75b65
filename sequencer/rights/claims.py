"""Several claims of rights in one content: whether they agree, and what then holds."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from sequencer.rights.compatibility import terms_of
from sequencer.rights.rights import Rights, licence_url
from sequencer.rights.solver import may_go_into
from sequencer.rights.spdx import AllOf, Expression, LicenceTerm, OneOf, parsed
from sequencer.text import flattened

_BETWEEN = "; "


def asks_for_author(licence: str) -> bool:
    """Whether a licence asks for the author to be named, whichever alternative is chosen.

    Licences without a name of SPDX's or of the table's ask for nothing that is known here.

    Parameters
    ----------
    licence : str
        An SPDX expression.

    Examples
    --------
    >>> asks_for_author("CC-BY-SA-4.0"), asks_for_author("CC-BY-4.0 OR CC0-1.0")
    (True, False)
    """
    return _asks(parsed(licence))


def lacks_author(rights: Rights) -> bool:
    """Whether a licence asks for an author and none is known, nor the words of a credit."""
    return asks_for_author(rights.licence) and not (
        flattened(rights.author) or flattened(rights.attribution)
    )


def claim_key(rights: Rights) -> Hashable:
    """Return what is equal for rights that agree: licence, and whom to name."""
    asks = asks_for_author(rights.licence)
    return _licence_key(rights.licence), _credit_key(rights) if asks else None


def agree(first: Rights, second: Rights) -> bool:
    """Whether two claims of a content agree."""
    return claim_key(first) == claim_key(second)


def stricter(claims: Sequence[Rights]) -> Rights:
    """Return what holds where several claim rights in the same content: the strictest.

    A licence yields to another that its terms let an adaptation be put under, and not the other
    way: CC0-1.0 to CC-BY-4.0, that to CC-BY-SA-4.0. Licences of which none yields have all to be
    kept: they are joined by ``AND``. Authors of the licences that hold are all named. The result
    does not depend on the order of the claims.

    Parameters
    ----------
    claims : sequence of Rights
        One or more, of known licences.

    Returns
    -------
    Rights
        One of the claims as it is, where it includes all that holds.

    Examples
    --------
    >>> ann, bob = Rights("A", "Ann", "CC0-1.0"), Rights("B", "Bob", "CC-BY-SA-4.0")
    >>> stricter([ann, bob]) == stricter([bob, ann]) == bob
    True
    >>> stricter([bob, Rights("C", "Cat", "CC-BY-NC-4.0")]).licence
    'CC-BY-NC-4.0 AND CC-BY-SA-4.0'
    """
    ordered = sorted(claims, key=lambda rights: tuple(rights.to_json().values()))
    parts = {name: None for rights in ordered for name in _parts(rights.licence)}
    kept = [name for name in sorted(parts) if not any(_yields(name, other) for other in parts)]
    holding = [rights for rights in ordered if set(_parts(rights.licence)) & set(kept)]
    authors = _united(rights.author for rights in holding)
    credit = _united(rights.attribution for rights in holding)
    first = holding[0]
    merged = replace(
        first,
        author=_BETWEEN.join(authors),
        attribution=_BETWEEN.join(credit),
        licence=_joined(kept),
        licence_url=first.licence_url or licence_url(kept[0]) if len(kept) == 1 else "",
    )
    return next((rights for rights in holding if _says_all(rights, merged)), merged)


def _says_all(rights: Rights, merged: Rights) -> bool:
    return _licence_key(rights.licence) == _licence_key(merged.licence) and _credit_key(
        rights
    ) == _credit_key(merged)


def _yields(name: str, other: str) -> bool:
    if _licence_key(name) == _licence_key(other):
        # Of two spellings the first stands.
        return other < name
    return may_go_into(name, other) and not may_go_into(other, name)


def _asks(node: Expression) -> bool:
    if isinstance(node, LicenceTerm):
        terms = terms_of(node.id)
        own = node.id.lower().rpartition(":")[2].startswith("licenseref-")
        return not own if terms is None else terms.family != "PD"
    each = map(_asks, node.parts)
    return all(each) if isinstance(node, OneOf) else any(each)


def _parts(licence: str) -> tuple[str, ...]:
    """Return the parts of an expression that have all to be kept."""
    node = parsed(licence)
    return tuple(map(_written, node.parts)) if isinstance(node, AllOf) else (_written(node),)


def _written(node: Expression) -> str:
    if isinstance(node, LicenceTerm):
        return str(node)
    words = " OR " if isinstance(node, OneOf) else " AND "
    return words.join(
        _written(part) if isinstance(part, LicenceTerm) else f"({_written(part)})"
        for part in node.parts
    )


def _joined(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return " AND ".join(
        part if isinstance(parsed(part), LicenceTerm) else f"({part})" for part in parts
    )


def _licence_key(licence: str) -> frozenset[str]:
    return frozenset(part.casefold() for part in _parts(licence))


def _credit_key(rights: Rights) -> tuple[frozenset[str], frozenset[str]]:
    return (
        frozenset(name.casefold() for name in _united([rights.author])),
        frozenset(words.casefold() for words in _united([rights.attribution])),
    )


def _united(texts: Iterable[str]) -> list[str]:
    """Return the different names in some texts, sorted; one that was united before is parted."""
    found = {flattened(name) for text in texts for name in text.split(_BETWEEN.strip())}
    by_form = {name.casefold(): name for name in sorted(found - {""}, reverse=True)}
    return sorted(by_form.values())
