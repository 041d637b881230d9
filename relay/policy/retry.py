"""When to try again: the platform's own retry policy, with jitter. Pure."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from relay.configfile.validation import Duration, Seconds

JITTER = 0.2  # at most a fifth later than the policy says, so that a thousand failures do not return as one


class RetryPolicy(BaseModel):
    """The policy of the Async Operations API, its spellings accepted. Delays are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    max_retries: Annotated[int, Field(ge=0, le=100, validation_alias=AliasChoices("max_retries", "maxRetries"))] = 5
    retry_delay: Annotated[
        Seconds, Field(gt=0, le=86_400, validation_alias=AliasChoices("retry_delay", "retryDelay"))
    ] = 60.0
    backoff_multiplier: Annotated[
        float, Field(ge=1, le=100, validation_alias=AliasChoices("backoff_multiplier", "backoffMultiplier"))
    ] = 2.0
    max_delay: Annotated[Seconds, Field(gt=0, le=604_800, validation_alias=AliasChoices("max_delay", "maxDelay"))] = (
        3600.0
    )


class Patience(RetryPolicy):
    """The policy at the top of the configuration, with what is one for all destinations."""

    give_up_after: Annotated[Duration, Field(ge=60, le=30 * 86_400)] = 3 * 86_400.0  # seconds for a channel that fails


def delay(
    attempt: int, policy: RetryPolicy, jitter: Callable[[], float], retry_after: float | None = None
) -> float | None:
    """Seconds to wait after failed attempt number `attempt` (from 1); None when the policy is used up.

    Never earlier than the policy or `retry_after` says: jitter, a number in [0, 1), only adds.
    """
    if attempt > policy.max_retries:
        return None
    # The exponent is capped before it is used: 100.0 ** 100 would overflow to an exception.
    grown = policy.retry_delay * policy.backoff_multiplier ** min(attempt - 1, 64)
    base = max(min(grown, policy.max_delay), retry_after or 0.0)
    return base * (1 + JITTER * jitter())
