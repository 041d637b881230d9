"""Genuine links to unsubscribe, made with relay's own key: the control group of those that are forged."""

from contextlib import aclosing

from campaign.target import Target
from relay.channels import CHANNELS
from relay.config import parse_config
from relay.coordinator import build_sealer
from relay.domain.links import issue
from relay.store import Store
from relay.store.signing_keys import SigningKeys
from relay.unsubscribe.endpoint import PURPOSE


async def genuine_link(target: Target, address: str = "english@example.com", purpose: str = PURPOSE) -> str:
    """The token of this reader of `english`; with another purpose it is sealed rightly, for something else."""
    sealer = build_sealer(parse_config(target.configured.text, env=target.configured.env, channels=CHANNELS))
    store = Store.open(target.redis.url, process="campaign", may_own=False, sealer=sealer)
    async with aclosing(store):
        return issue(await SigningKeys(store).current(), purpose, "english", address, "en")
