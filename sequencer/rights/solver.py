"""What a composition's licence must be, found before any sound is made.

Each source comes with an SPDX expression. The solver picks one licence for the result, and for each
source the alternative that goes into it: of ``OR`` one is enough, of ``AND`` all must go, an
exception after ``WITH`` only permits more and may be given up, and an id with ``+`` is that
version or a later one. The table of what goes into what is `sequencer.rights.compatibility`'s.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sequencer.errors import SequencerError
from sequencer.rights.compatibility import (
    RESULTS,
    Terms,
    allows_no_adaptation,
    goes_into,
    is_non_commercial,
    terms_of,
)
from sequencer.rights.rights import Rights, SharedRights
from sequencer.rights.spdx import Expression, LicenceTerm, OneOf, parsed, terms_in
from sequencer.text import counted, flattened

# What is bad about a source, added up over what must be met together; of alternatives the least.
_FINE, _UNKNOWN, _NC, _ND = 0, 1, 2, 4


@dataclass(frozen=True)
class Solution:
    """What the result may be under, and what it cost.

    Attributes
    ----------
    licence : str
        An SPDX id; empty where nothing can be concluded, since a source is unknown or allows no
        adaptation.
    chosen : mapping of str to str
        For each expression among the sources of what is left, the alternative that is used; the
        expression itself where nothing can be concluded.
    left_out : mapping of str to str
        By the names of the works, why each was left out, naming the source.
    conflicts : tuple of str
        One line for each work left out because it does not go with another one, naming both.
    unknown : tuple of str
        Titles of the sources, among those left, whose licence is not known or not in the table.
    private : tuple of str
        Titles of the sources, among those left, that allow no adaptation to be shared.
    """

    licence: str
    chosen: Mapping[str, str]
    left_out: Mapping[str, str]
    conflicts: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


def solve(
    works: Mapping[str, Sequence[Rights]],
    target: str = "",
    *,
    allow_nc: bool = False,
    allow_nd: bool = False,
) -> Solution:
    """Find the licence of what is made from works, each of which has one or more sources.

    Without `target` the result's licence is the one that the most works go into; among several the
    freest and newest, in the order of `sequencer.rights.compatibility.RESULTS`. The works that do
    not go into it are conflicts, and left out. Works of an unknown licence stay, and then the
    result's licence cannot be stated.

    With `target` all that does not go into it is left out, unknown licences too.

    The order of the works makes no difference.

    Parameters
    ----------
    works : mapping of str to sequence of Rights
        By name, such as a clip's file; all sources of each.
    target : str
        The SPDX id that the result shall be under; one for non-commercial use allows such sources.
    allow_nc, allow_nd : bool
        Whether sources that exclude commerce, or allow no adaptation, are used. With the latter the
        result is for private use.

    Returns
    -------
    Solution

    Raises
    ------
    SequencerError
        A target that the table does not hold.

    Examples
    --------
    >>> works = {
    ...     "a": [Rights("Wind", "Ann", "CC-BY-4.0"), Rights("Choir", "Bob", "CC-BY-SA-4.0")],
    ...     "b": [Rights("Bell", "Eve", "CC-BY-NC-4.0")],
    ... }
    >>> found = solve(works)
    >>> found.licence, found.left_out["b"]
    ('CC-BY-SA-4.0', '"Bell" (CC-BY-NC-4.0) excludes commerce; --allow-nc plays it')
    """
    wanted = _target(target)
    allow = _Allowed(allow_nc or (wanted is not None and is_non_commercial(wanted)), allow_nd)
    names = sorted(works)
    permits = _Permits(works, [wanted] if wanted else None, nc=allow.nc)
    left_out = {name: why for name in names if (why := allow.refusal(works[name]))}
    bad = {name: allow.badness(works[name]) for name in names if name not in left_out}
    permitted = {name: permits.of(works[name]) for name, b in bad.items() if b == _FINE}
    licence = wanted.name if wanted else permits.best(permitted.values())
    fitting = [name for name, found in permitted.items() if licence in found]
    conflicts = []
    for name in permitted.keys() - set(fitting):
        if wanted:
            left_out[name] = _misfit(works[name], wanted, permits)
        else:
            left_out[name] = _conflict(name, works, fitting, permits)
            keeps = f"the result is under {licence}, as {len(fitting)} of {len(permitted)} allow"
            conflicts.append(f"{name}: {left_out[name]}" + (f"; {keeps}" if licence else ""))
    if wanted:
        left_out |= {name: allow.unstated(works[name]) for name, b in bad.items() if b != _FINE}
    left = [name for name in names if name not in left_out]
    sources = [rights for name in left for rights in works[name]]
    stated = bool(left) and all(bad[name] == _FINE for name in left)
    used = licence if stated else ""
    return Solution(
        licence=used,
        chosen={each: chosen(each, used) for each in {rights.licence for rights in sources}},
        left_out={name: left_out[name] for name in names if name in left_out},
        conflicts=tuple(sorted(conflicts)),
        unknown=_titles(sources, allow, _UNKNOWN),
        private=_titles(sources, allow, _ND),
    )


def chosen(expression: str, licence: str) -> str:
    """Return the alternative of an SPDX expression by which a source goes into a result.

    Parameters
    ----------
    expression : str
        Of the source.
    licence : str
        Of the result, such as a score's; may be empty.

    Returns
    -------
    str
        The alternative, its parts joined by AND where several must be met; the whole expression
        where none goes into the result.
    """
    result = terms_of(licence)
    return (_chosen(parsed(expression), result) if result else None) or expression


def may_go_into(expression: str, licence: str) -> bool:
    """Whether some alternative of an SPDX expression goes into a result under a licence."""
    result = terms_of(licence)
    return result is not None and _chosen(parsed(expression), result) is not None


class _Allowed:
    """What was asked for decides how bad a source is."""

    def __init__(self, nc: bool, nd: bool) -> None:
        self.nc = nc
        self._nd = nd

    def badness(self, sources: Sequence[Rights]) -> int:
        """Of a work: that of its worst source, once `refusal` let it pass."""
        return _together(self.of(rights.licence) for rights in sources)

    def of(self, expression: str) -> int:
        return self._worst(parsed(expression))

    def refusal(self, sources: Sequence[Rights]) -> str:
        """Return why a work may not be used at all; empty where it may."""
        if not sources:
            return "nothing is known of where it comes from"
        for rights in sources:
            bad = self.of(rights.licence)
            if bad & _ND and not self._nd:
                return (
                    f"{_named(rights)} allows no adaptation, and a composition is one; "
                    "--allow-nd plays it, for private use"
                )
            if bad & _NC:
                return f"{_named(rights)} excludes commerce; --allow-nc plays it"
        return ""

    def unstated(self, sources: Sequence[Rights]) -> str:
        """Return why nothing can be concluded about a work's licence."""
        rights = max(sources, key=lambda rights: self.of(rights.licence))
        if self.of(rights.licence) & _ND:
            return f"{_named(rights)} allows no adaptation"
        if not rights.known:
            return f"the licence of {_title(rights)} is not known"
        return f"{_named(rights)}: what may be made of it is not in the table"

    def _worst(self, node: Expression) -> int:
        if isinstance(node, LicenceTerm):
            return self._of_one(terms_of(node.id))
        each = [self._worst(part) for part in node.parts]
        return min(each) if isinstance(node, OneOf) else _together(each)

    def _of_one(self, terms: Terms | None) -> int:
        if terms is None:
            return _UNKNOWN
        no_commerce = _NC if is_non_commercial(terms) and not self.nc else _FINE
        return no_commerce | (_ND if allows_no_adaptation(terms) else _FINE)


def _together(each: Iterable[int]) -> int:
    return functools.reduce(operator.or_, each)


def _target(target: str) -> Terms | None:
    if not target:
        return None
    parsed(target)
    terms = terms_of(target)
    unfit = terms is None or allows_no_adaptation(terms) or target.endswith("+")
    if terms is None or unfit or (terms.family == "PD" and terms.name != RESULTS[0]):
        raise SequencerError(
            f"{target!r} is no licence to aim at: an SPDX id such as CC0-1.0, CC-BY-4.0 or "
            "CC-BY-SA-4.0 is expected"
        )
    return terms


class _Permits:
    """Which results each expression goes into, looked up once for each."""

    def __init__(
        self, works: Mapping[str, Sequence[Rights]], results: list[Terms] | None, *, nc: bool
    ) -> None:
        expressions = {rights.licence for sources in works.values() for rights in sources}
        self.results = _results(expressions, nc=nc) if results is None else results
        self._by_expression = {
            each: frozenset(
                terms.name for terms in self.results if _chosen(parsed(each), terms) is not None
            )
            for each in expressions
        }

    def of(self, sources: Sequence[Rights]) -> frozenset[str]:
        """List what all these sources together go into."""
        return frozenset.intersection(*(self._by_expression[each.licence] for each in sources))

    def best(self, permitted: Iterable[frozenset[str]]) -> str:
        """Choose the result that the most works go into, and of several the first."""
        counts: Counter[str] = Counter()
        for names, number in Counter(permitted).items():
            for name in names:
                counts[name] += number
        most = max(counts.values(), default=0)
        return next(
            (terms.name for terms in self.results if most and counts[terms.name] == most), ""
        )


def _results(expressions: Iterable[str], *, nc: bool) -> list[Terms]:
    """List what the result may be under: the table's, and what sources are under themselves.

    A result that excludes commerce is the only one that such a source goes into.
    """
    atoms = {
        terms
        for each in expressions
        for term in terms_in(parsed(each))
        if (terms := terms_of(term.id)) is not None
    }
    own = {
        terms.name
        for terms in atoms
        if terms.family != "PD" and not terms.name.endswith("+") and not allows_no_adaptation(terms)
    }
    order = [*RESULTS, *sorted(own - set(RESULTS))]
    found = [terms for name in order if (terms := terms_of(name)) is not None]
    return [terms for terms in found if nc or not is_non_commercial(terms)]


def _chosen(node: Expression, result: Terms) -> str | None:
    """Return the part of an expression that goes into a result, None where none does."""
    if isinstance(node, LicenceTerm):
        terms = terms_of(node.id)
        return str(node) if terms is not None and goes_into(terms, result) else None
    parts = [_chosen(part, result) for part in node.parts]
    if isinstance(node, OneOf):
        return next((part for part in parts if part is not None), None)
    return None if None in parts else " AND ".join(str(part) for part in parts)


def _conflict(
    name: str,
    works: Mapping[str, Sequence[Rights]],
    fitting: Sequence[str],
    permits: _Permits,
) -> str:
    """Name the source of a work that does not go with another one, of itself or of those left."""
    own = works[name]
    for place, one in enumerate(own):
        for other in own[place + 1 :]:
            if not permits.of([one, other]):
                return f"its {_named(one)} cannot go with its {_named(other)}"
    seen: set[str] = set()
    for partner in fitting:
        for other in works[partner]:
            if other.licence in seen:
                continue
            seen.add(other.licence)
            for one in own:
                if not permits.of([one, other]):
                    return f"its {_named(one)} cannot go with {_named(other)} in {partner}"
    return f"its {_named(own[0])} goes into no licence that the others go into"


def _misfit(sources: Sequence[Rights], target: Terms, permits: _Permits) -> str:
    misfit = next(rights for rights in sources if not permits.of([rights]))
    return f"{_named(misfit)} does not go into {target.name}"


def _titles(sources: Sequence[Rights], allow: _Allowed, badness: int) -> tuple[str, ...]:
    found = {_title(rights) for rights in sources if allow.of(rights.licence) & badness}
    return tuple(sorted(found))


def _named(rights: Rights) -> str:
    return f"{_title(rights)} ({rights.licence})"


def _title(rights: Rights) -> str:
    title = flattened(rights.title or rights.page_url) or "a recording without a title"
    quoted = f'"{title if len(title) <= 80 else title[:77] + "..."}"'
    if not isinstance(rights, SharedRights):
        return quoted
    others = f" and {counted(rights.others, 'more recording')}" if rights.others else ""
    return f"{quoted}{others} that its model was trained on"
