"""The six callbacks of the Async Operations API as one block of the configuration.

Callbacks cannot sign: each brings the token, and means its event where its body names none.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr

from relay.configfile.validation import Name, Section
from relay.receiving.sources import Age, RateLimit, Signature, Some, Source, refuse_weak

EVENTS: Mapping[str, str] = {
    "progress": "operation.progress",  # callbacks.onProgress
    "completion": "operation.completed",  # callbacks.onCompletion
    "error": "operation.failed",  # callbacks.onError
    "batch-start": "batch.started",  # batchCallbacks.onBatchStart
    "operation-complete": "batch.operation.completed",  # batchCallbacks.onOperationComplete
    "batch-complete": "batch.completed",  # batchCallbacks.onBatchComplete
}


def _named(raw: object) -> object:
    if raw == "":
        raise ValueError("the token is empty")
    return {"current": raw} if isinstance(raw, str) else raw


class Callbacks(Section):
    """A token, or several by name while one is replaced, and what holds for the six sources together."""

    token: Annotated[
        dict[Name, Annotated[SecretStr, AfterValidator(refuse_weak)]],
        BeforeValidator(_named, json_schema_input_type=dict[Name, SecretStr] | SecretStr),
    ]
    platform: str = ""
    tenants: Some = ()
    projects: Some = ()
    max_age: Age = 604_800.0
    rate_limit: RateLimit | None = None

    def sources(self) -> dict[str, Source]:
        """Return the source of each callback by its name."""
        signature = Signature(scheme="token", secrets=self.token)
        options: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set - {"token"}}
        return {name: Source(event=event, signature=signature, **options) for name, event in EVENTS.items()}
