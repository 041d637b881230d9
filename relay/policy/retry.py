"""Retries: the delay after a failed attempt by the platform's own policy, and probes of failing channels. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from relay.configfile.validation import Seconds
from relay.domain.deliveries import Trial

JITTER = 0.2  # at most a fifth later than the policy says, so that a thousand failures do not return as one
FIRST_PROBE = 2.0  # seconds until a channel that fails is tried again; doubled each time
LAST_PROBE = 60.0  # seconds between two tries, at the most
LONGEST_DOUBT = 900.0  # seconds between two sends of a message that may have arrived, at the most
DOUBT_SHARE = 0.25  # of the time since it may have arrived that passes between two sends of it


GIVE_UP_AFTER = 3 * 86_400.0  # seconds for which a delivery waits for a channel that fails


class RetryPolicy(BaseModel):
    """The policy of the Async Operations API, its spellings accepted. Delays are seconds."""

    retired: ClassVar[Mapping[str, str]] = {"give_up_after": "removed; messages wait three days for a failing channel"}

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=lambda name: AliasChoices(name, to_camel(name))),
    )  # fmt: skip

    max_retries: Annotated[int, Field(ge=0, le=100)] = 5
    retry_delay: Annotated[Seconds, Field(gt=0, le=86_400)] = 60.0
    backoff_multiplier: Annotated[float, Field(ge=1, le=100)] = 2.0
    max_delay: Annotated[Seconds, Field(gt=0, le=604_800)] = 3600.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A fault that concerns every delivery in a scope: none is tried there for `seconds`.

    With `probe`, one delivery goes ahead when the time is over, and the rest follow if it succeeds. `witnessed`: only
    with another message that failed within a minute, for it may be this one's own fault.
    """

    scope: str  # "channel:<name>[@<host>]", "destination:<name>/<address>", "limit:<name>", or "lane" for its own lane
    seconds: float
    reason: str
    probe: bool = False
    witnessed: bool = False


def delay(
    attempt: int, policy: RetryPolicy, jitter: Callable[[], float], retry_after: float | None = None
) -> float | None:
    """Return the seconds after failed attempt `attempt` (from 1); None when the policy is used up. Jitter only adds."""
    if attempt > policy.max_retries:
        return None
    # The exponent is capped before it is used: 100.0 ** 100 would overflow to an exception.
    grown = policy.retry_delay * policy.backoff_multiplier ** min(attempt - 1, 64)
    base = max(min(grown, policy.max_delay), retry_after or 0.0)
    return base * (1 + JITTER * jitter())


def retry_in(trial: Trial, retry_after: float | None = None) -> float:
    """Return the seconds until the channel is tried again, by this delivery or another one."""
    failed = trial.faults if trial.probe is None else trial.probe
    return max(min(LAST_PROBE, FIRST_PROBE * 2.0 ** min(failed, 10)), retry_after or 0.0)


def repeats_in(trial: Trial, now: float) -> float:
    """Return the seconds for which a message that may have arrived, which nothing can find out, is not sent again.

    A channel that let others through since, or did not even answer a probe without a message and answers one now, has
    recovered: 0. Otherwise it may be one that takes messages and loses its answers, so each try may make a double:
    fewer, the longer it lasts.
    """
    if not trial.doubted or max(trial.works, trial.deaf) > trial.repeated:
        return 0.0
    gap = min(LONGEST_DOUBT, max(FIRST_PROBE, DOUBT_SHARE * (now - trial.doubted)))
    return max(0.0, trial.repeated + gap - now)
