"""The key behind unsubscribe links and buttons, and the earlier ones that still open."""

from datetime import datetime

from relay.console.desk import Desk
from relay.console.view import Facts, NoQuestion
from relay.store.signing_keys import SigningKeys, name_of


class RetiredKeyFacts(Facts):
    """By its name, from which nothing follows; when it was replaced, and until when it opens."""

    key: str
    replaced: datetime
    until: datetime


class KeysFacts(Facts):
    """`present` is what seals."""

    present: str
    retired: list[RetiredKeyFacts]


async def keys(desk: Desk, _question: NoQuestion) -> KeysFacts:
    signing, now = SigningKeys(desk.store), await desk.store.time()
    return KeysFacts(
        present=name_of(await signing.current()),
        retired=[
            RetiredKeyFacts(key=key.name, replaced=key.at, until=key.until)
            for key in await signing.retired()
            if key.until.timestamp() > now
        ],
    )
