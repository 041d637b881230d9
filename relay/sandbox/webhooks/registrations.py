"""Registered webhooks: made, shown, paused, given another secret. A secret is shown once, when it is made here."""

import secrets
from base64 import b64encode
from uuid import uuid4

from relay.receiving.problems import HttpProblem
from relay.sandbox.context import SandboxContext
from relay.sandbox.schema import responses as answers
from relay.sandbox.schema import texts
from relay.sandbox.schema.requests import RegisterWebhook, RotateSecret
from relay.sandbox.storage.changes import Change, name
from relay.sandbox.storage.records import Counters, Webhook

MOST = 100  # of a project: every event is looked at by all of them


class Webhooks:
    def __init__(self, desk: SandboxContext) -> None:
        self._desk = desk
        self._state = desk.state

    async def register(self, scope: tuple[str, str], request: RegisterWebhook) -> answers.Webhook:
        if len(await self._state.all(Webhook, "/".join(scope))) >= MOST:
            raise HttpProblem(409, f"A project has at most {MOST} webhooks; delete one that is not needed.")
        said = request.authentication
        secret = said.secret if said and said.type == "hmac-sha256" else None
        webhook = Webhook(id=f"wh-{uuid4()}", tenant=scope[0], project=scope[1], created=self._desk.clock(),
                          request=request, secret=secret or "")  # fmt: skip
        await self._state.change([name(webhook)], lambda _: Change(save=[webhook]))
        return document(webhook, Counters())

    async def list(self, scope: tuple[str, str]) -> answers.Webhooks:
        found = await self._state.all(Webhook, "/".join(scope))
        return {"webhooks": [await self.show(webhook) for webhook in found]}

    async def show(self, webhook: Webhook) -> answers.Webhook:
        return document(webhook, await self._state.counters(webhook.id))

    async def delete(self, webhook: Webhook) -> None:
        """What waits for it is dropped when its turn comes."""
        await self._state.drop(webhook)

    async def switch(self, webhook: Webhook, status: str) -> answers.Webhook:
        """Active or Paused. Paused, it is told nothing new, and what waits for it goes on waiting."""
        return await self.show(await self._changed(webhook, status=status))

    async def rotate(self, webhook: Webhook, asked: RotateSecret) -> answers.Rotated:
        now, fresh = self._desk.clock(), asked.secret or f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
        overlap = asked.overlap_seconds if webhook.secret else 0
        changed = await self._changed(
            webhook, secret=fresh, previous=webhook.secret if overlap else "", previous_until=now + overlap
        )
        until = texts.iso(changed.previous_until) if overlap else None
        return {"webhookId": webhook.id, "secret": fresh, "previousValidUntil": until}

    async def _changed(self, webhook: Webhook, **update: object) -> Webhook:
        change = await self._state.change(
            [name(webhook)],
            lambda found: (
                Change(save=[found[name(webhook)].model_copy(update=update)]) if found[name(webhook)] else None
            ),
        )
        if change is None:
            raise HttpProblem(404, "The webhook was deleted.")
        return change.save[0]  # type: ignore[return-value]


def document(webhook: Webhook, counters: Counters) -> answers.Webhook:
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
