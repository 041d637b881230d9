"""Registration of this relay as a webhook of the platform: once, and again only when something changed.

The API has no call that changes a webhook, and never shows its secret. So a change registers the new one before it
deletes the old one (an event that both report is one message), and the name carries a fingerprint of the secret.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from relay.domain.events import OPERATION_EVENTS
from relay.errors import PlatformError
from relay.platform.client import OperationsClient
from relay.platform.models import Filters, RegisterWebhook, Webhook

MISSING = frozenset({404, 405, 501})  # this platform cannot list


@dataclass(frozen=True, slots=True)
class Registered:
    """Outcome, and the webhook that now reports here. `replaced` are the ids of those that did before."""

    outcome: Literal["unchanged", "registered", "replaced"]
    webhook: Webhook
    replaced: tuple[str, ...] = ()
    certain: bool = True  # False: the platform cannot list its webhooks, so an older one may still report here


def request(url: str, secret: str, filters: Filters, events: Sequence[str] = OPERATION_EVENTS) -> RegisterWebhook:
    """Build the request: these events, signed over the body, as `hmac-sha256` sources verify it."""
    return RegisterWebhook(
        webhook_url=url,
        webhook_name=f"relay (key {sha256(secret.encode()).hexdigest()[:8]})",
        events=tuple(events),
        filters=filters,
        authentication={"type": "hmac-sha256", "secret": secret},
    )


async def register(client: OperationsClient, requested: RegisterWebhook, *, dry_run: bool = False) -> Registered:
    """Make the platform report here, once. Raises PlatformError; what was registered before then still reports."""
    try:
        webhooks = await client.webhooks()
    except PlatformError as error:
        if error.status not in MISSING:
            raise
        return Registered("registered", await _create(client, requested, dry_run=dry_run), certain=False)
    ours = [webhook for webhook in webhooks if webhook.webhook_url == requested.webhook_url]
    right = next((webhook for webhook in ours if _matches(webhook, requested)), None)
    webhook = right or await _create(client, requested, dry_run=dry_run)
    old = tuple(other.webhook_id for other in ours if other.webhook_id != webhook.webhook_id)
    if not dry_run:
        for webhook_id in old:
            await client.delete_webhook(webhook_id)
    return Registered("replaced" if old else "unchanged" if right else "registered", webhook, old)


async def _create(client: OperationsClient, requested: RegisterWebhook, *, dry_run: bool) -> Webhook:
    if dry_run:
        return Webhook(webhook_id="", webhook_url=requested.webhook_url)
    return await client.register_webhook(requested)


def _matches(webhook: Webhook, requested: RegisterWebhook) -> bool:
    """Return whether it already reports what is requested. A paused one does not."""
    return (
        webhook.webhook_name == requested.webhook_name
        and set(webhook.events_subscribed) == set(requested.events)
        and _conditions(webhook.filters) == _conditions(requested.filters)
        and (webhook.status or "Active") == "Active"
    )


def _conditions(filters: Filters | None) -> tuple[frozenset[str], frozenset[str], float]:
    conditions = filters or Filters()
    increment = conditions.min_progress_increment or 0.0
    return frozenset(conditions.operation_types), frozenset(conditions.priorities), increment
