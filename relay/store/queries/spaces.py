"""Whose an id is: platforms, tenants and projects may use the same ones (relay.domain.facts)."""

from collections.abc import Iterable

from relay.domain.facts import NOWHERE, Space
from relay.engine import names
from relay.engine.records import Operation, spaces
from relay.errors import AmbiguousId
from relay.store.queries.reader import Questions

Facts = dict[str, str]  # of an operation or a batch; `space` where it is not the first with its id


class Spaces(Questions):
    async def resolved(self, id_: str, space: Space) -> Facts:
        """Return the facts of what this id means in this space; `space` alone where only others have it.

        AmbiguousId where it could mean several.
        """
        known = await self.all(id_)
        stated = space.dump()
        meant = _meant(known, space)
        exact = [facts for facts in meant if facts.get("space") == stated]
        if not exact and len(meant) > 1:
            raise AmbiguousId(id_, [Space.of(facts) for facts in meant])
        return next(iter(exact or meant), {"space": stated} if known else {})

    async def all(self, id_: str) -> list[Facts]:
        """Return the facts of each operation or batch with this id."""
        first = await self._record(Operation, names.operation(id_))
        if first is None:
            return []
        found = [_facts_of(first)]
        if first.shared:
            others = sorted(await self._reader.table(spaces(first.name)))
            known = await self._reader.records(Operation, [names.operation(id_, space) for space in others])
            found += [_facts_of(o) | {"space": space} for space, o in zip(others, known, strict=True) if o]
        return [facts for facts in found if facts.keys() - {"space"}]

    async def named(self, subject: str, space: Space) -> tuple[str, str]:
        """Return the id and the name of its record, '' where it is another's.

        Of a retry under a new id both are the original's, whose timeline is its own.
        """
        subject, whose = await self.meant(subject, space)
        return subject, "" if whose is None else names.operation(subject, whose)

    async def meant(self, subject: str, space: Space) -> tuple[str, str | None]:
        """Return the id, and the space of its name: '' for the first with this id; None where it is another's."""
        meant = _meant(await self.all(subject), space)
        if len(meant) > 1:
            raise AmbiguousId(subject, [Space.of(facts) for facts in meant])
        facts = meant[0] if meant else {}
        if original := facts.get("original"):
            first = await self.resolved(original, space.filled(Space.of(facts)))
            return original, first.get("space", "")
        if not meant and space != NOWHERE:
            return subject, None
        return subject, facts.get("space", "")


def _meant(known: Iterable[Facts], space: Space) -> list[Facts]:
    return [facts for facts in known if Space.of(facts).may_be(space)]


def _facts_of(o: Operation) -> Facts:
    return o.facts | ({"since": f"{o.first}"} if o.first else {})
