"""relay explain OPERATION_ID: what happened to an operation, from the store of a running relay."""

from pathlib import Path

from relay.cli.formatting import print_json
from relay.cli.options import which_one
from relay.cli.session import StoreSession, with_store
from relay.cli.timeline_page import show
from relay.domain.spaces import NOWHERE, Space
from relay.errors import RelayError
from relay.operating.timeline import facts_of


def explain_operation(
    subject: str, config: Path, *, space: Space = NOWHERE, every: bool = False, as_json: bool
) -> None:
    """Print what is known of this operation or batch; leave with 1 if nothing is, or if no relay runs here, or if
    several have this id, and `space` does not say which.

    `every` line that is kept, where otherwise those that repeat are counted.
    """

    async def work(session: StoreSession) -> None:
        with which_one():
            timeline = await session.admin.timeline(subject, space)
        if timeline is None:
            raise RelayError(
                f"{subject} is neither a file nor an operation that this relay has heard of. "
                "Operations are known for 30 days after their last event; their ids are case-sensitive"
            )
        facts = facts_of(timeline)
        if as_json:
            print_json(facts)
        else:
            show(facts, session.config.timezone, every=every)

    with_store(config, work)
