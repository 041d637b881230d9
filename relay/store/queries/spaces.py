"""Tenants of an id: platforms, tenants and projects may use the same ones (relay.domain.facts)."""

from relay.domain.facts import NOWHERE, Space
from relay.engine import known, names
from relay.engine.known import Facts
from relay.engine.records import Operation, spaces
from relay.engine.state import Draft
from relay.errors import AmbiguousId
from relay.store.queries.questions import Questions


class Spaces(Questions):
    async def resolved(self, id_: str, space: Space) -> Facts:
        """Return the facts of what this id means in this space (relay/engine/known.py)."""
        return await self._ask(lambda d: known.resolved(_with_spaces(d, id_), id_, space))

    async def all(self, id_: str) -> list[Facts]:
        """Return the facts of each operation or batch with this id."""
        return await self._ask(lambda d: known.all_of(_with_spaces(d, id_), id_))

    async def named(self, subject: str, space: Space) -> tuple[str, str]:
        """Return the id and the name of its record, '' where it is another's.

        Of a retry under a new id both are the original's, whose timeline is its own.
        """
        subject, name_space = await self.meant(subject, space)
        return subject, "" if name_space is None else names.operation(subject, name_space)

    async def meant(self, subject: str, space: Space) -> tuple[str, str | None]:
        """Return the id, and the space of its name: '' for the first with this id; None where it is another's."""
        meant = [facts for facts in await self.all(subject) if Space.of(facts).may_be(space)]
        if len(meant) > 1:
            raise AmbiguousId(subject, [Space.of(facts) for facts in meant])
        facts = meant[0] if meant else {}
        if original := facts.get("original"):
            first = await self.resolved(original, space.filled(Space.of(facts)))
            return original, first.get("space", "")
        if not meant and space != NOWHERE:
            return subject, None
        return subject, facts.get("space", "")


def _with_spaces(d: Draft, id_: str) -> Draft:
    """Have all operations with this id read at once."""
    first = d.get(Operation, names.operation(id_))
    if first and first.shared:
        d.get_all(Operation, [names.operation(id_, space) for space in d.table(spaces(first.name))])
    return d
