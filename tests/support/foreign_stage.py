"""A relay that hears of foreign senders: what they send it, and what people hear."""

import time
from pathlib import Path
from typing import Any

from relay.receiving.schemes import hmac_scheme
from tests.support.sender import Reply, Sender
from tests.support.stage import SECRET, Stage

CONFIG = Path(__file__).parents[1] / "data" / "senders.yaml"
SCHEMES = {
    "github": ("github", None), "gitlab": ("token", "X-Gitlab-Token"), "dbt": ("hmac-sha256", "Authorization"),
    "billing": ("hmac-sha256", None), "alerts": ("token", None), "jenkins": ("token", None),
    "lineage": ("token", None), "terraform": (hmac_scheme("sha512", "hex"), "X-TFE-Notification-Signature"),
    "cloudwatch": ("token", None), "uptime": ("token", None),
}  # fmt: skip


async def post(here: Stage, source: str, document: Any) -> Reply:
    scheme, header = SCHEMES[source]
    sender = Sender(f"{here.url}/webhooks/{source}", secret=SECRET, scheme=scheme, header=header, clock=time.time)
    return await sender.post(document)


async def sent(here: Stage, source: str, *documents: Any) -> None:
    for document in documents:
        reply = await post(here, source, document)
        assert reply.status in (200, 202), reply
        assert reply.document["status"] in ("accepted", "duplicate", "late"), reply


def told(here: Stage, channel: str = "#team") -> list[tuple[bool, str]]:
    """Every message in the channel: whether it is a reply, and its text."""
    return [
        (bool(message.thread_ts), message.text.replace("\u00a0", " "))
        for message in here.around.slack.messages(channel)
    ]


def mailed(here: Stage, recipient: str) -> list[str]:
    """Return the subjects of the mails that came since, in any order."""
    mails = [mail for mail in here.around.inbox.mails if mail.recipient == recipient]
    for mail in mails:
        here.around.inbox.mails.remove(mail)
    return sorted(f"{mail.message['subject']}".replace("\u00a0", " ") for mail in mails)
