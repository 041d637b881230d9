"""Registered webhooks: made, shown, paused, given another secret. A secret is shown once, when it is made here."""

import secrets
from base64 import b64encode
from typing import Any
from uuid import uuid4

from relay.receiving.problems import HttpProblem
from relay_sandbox.context import SandboxContext
from relay_sandbox.schema import texts
from relay_sandbox.schema.requests import RegisterWebhook, RotateSecret
from relay_sandbox.storage.changes import Change, name_of
from relay_sandbox.storage.records import Counters, Webhook

MAX_WEBHOOKS = 100  # of a project: every event is matched against all of them


class WebhookRegistry:
    def __init__(self, context: SandboxContext) -> None:
        self._context = context
        self._state = context.state

    async def register(self, scope: tuple[str, str], request: RegisterWebhook) -> dict[str, Any]:
        if len(await self._state.all(Webhook, "/".join(scope))) >= MAX_WEBHOOKS:
            raise HttpProblem(409, f"A project has at most {MAX_WEBHOOKS} webhooks; delete one that is not needed.")
        authentication = request.authentication
        secret = authentication.secret if authentication and authentication.type == "hmac-sha256" else None
        webhook = Webhook(id=f"wh-{uuid4()}", tenant=scope[0], project=scope[1], created=self._context.clock(),
                          request=request, secret=secret or "")  # fmt: skip
        await self._state.change([name_of(webhook)], lambda _: Change(save=[webhook]))
        return document(webhook, Counters())

    async def list(self, scope: tuple[str, str]) -> dict[str, Any]:
        webhooks = await self._state.all(Webhook, "/".join(scope))
        return {"webhooks": [await self.show(webhook) for webhook in webhooks]}

    async def show(self, webhook: Webhook) -> dict[str, Any]:
        return document(webhook, await self._state.counters(webhook.id))

    async def delete(self, webhook: Webhook) -> None:
        """Its waiting requests are dropped when their turn comes."""
        await self._state.drop(webhook)

    async def switch(self, webhook: Webhook, status: str) -> dict[str, Any]:
        """Active or Paused. A paused webhook gets no new events, and its waiting requests go on waiting."""
        return await self.show(await self._changed(webhook, status=status))

    async def rotate(self, webhook: Webhook, request: RotateSecret) -> dict[str, Any]:
        now, fresh = self._context.clock(), request.secret or f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
        overlap = request.overlap_seconds if webhook.secret else 0
        changed = await self._changed(
            webhook, secret=fresh, previous=webhook.secret if overlap else "", previous_until=now + overlap
        )
        until = texts.iso(changed.previous_until) if overlap else None
        return {"webhookId": webhook.id, "secret": fresh, "previousValidUntil": until}

    async def _changed(self, webhook: Webhook, **update: object) -> Webhook:
        change = await self._state.change(
            [name_of(webhook)],
            lambda records: (
                Change(save=[records[name_of(webhook)].model_copy(update=update)])
                if records[name_of(webhook)]
                else None
            ),
        )
        if change is None:
            raise HttpProblem(404, "The webhook was deleted.")
        return change.save[0]  # type: ignore[return-value]


def document(webhook: Webhook, counters: Counters) -> dict[str, Any]:
    request = webhook.request
    kind = request.authentication.type if request.authentication else "none"
    return {
        "webhookId": webhook.id,
        "webhookUrl": request.webhook_url,
        "webhookName": request.webhook_name,
        "status": webhook.status,
        "eventsSubscribed": list(request.events),
        "filters": request.filters.model_dump(by_alias=True),
        "createdAt": texts.iso(webhook.created),
        "lastDelivery": None if counters.last is None else texts.iso(counters.last),
        "deliveryStats": {
            "totalDeliveries": counters.total,
            "successfulDeliveries": counters.successful,
            "failedDeliveries": counters.failed,
            "averageResponseTime": round(counters.milliseconds / counters.total, 1) if counters.total else None,
        },
        "retryPolicy": request.retry_policy.model_dump(by_alias=True),
        "authentication": {"type": "hmac-sha256" if webhook.secret else kind},
        "headers": dict(request.headers),
    }
