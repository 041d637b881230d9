"""What came from a source, and what was refused: for each reason what it means, and what to do."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from relay.console.desk import Desk
from relay.console.phrases import Phrase, phrase
from relay.console.times import moment
from relay.console.view import Facts, Near, Question, Unknown
from relay.console.views.parts import SourceHealth, sources
from relay.console.words import said
from relay.store.noise import NoiseFigures
from relay.store.refusals import Refusals

DAYS = 7
MOST = 20  # of each reason

# What each reason means, and what the sender, or the operator, does about it.
REASONS: Mapping[str, tuple[str, str]] = {
    "signature_missing": (
        said("The request had no signature."),
        said("Let the sender sign with the source's scheme and secret; see signature in the configuration."),
    ),
    "signature_wrong": (
        said("No secret of the source makes this signature: another secret, or the body was changed on its way."),
        said("Compare the secret on both sides. A proxy must hand the body on byte by byte."),
    ),
    "signature_old": (
        said("The signature is older, or newer, than signature.tolerance allows."),
        said("Set the clocks of sender and relay. Old requests that are sent again have to be signed anew."),
    ),
    "rate_limited": (
        said("More requests came than the source may send; they were answered 429."),
        said("A sender that tries again loses nothing. Raise rate_limit of the source, if that is too little."),
    ),
    "not_json": (said("The body is not JSON."), said("See what the sender sends; only signed bodies are kept.")),
    "invalid": (
        said("The body is JSON, and no event that relay understands."),
        said("The quarantine has it, with what was expected. Mend the sender, or replay it with a newer relay."),
    ),
    "reach": (
        said("The source may not say this: other events, tenants or projects, or it may begin no operation."),
        said("Widen events, tenants, projects or may_begin_operations of the source, then replay it."),
    ),
    "early": (
        said("It is about an operation that no signed source has begun, and this source may begin none."),
        said("Let the source that begins it send first, or set may_begin_operations."),
    ),
    "time": (
        said("What it tells happened longer ago than max_age of the source allows."),
        said("Set the sender's clock, or raise max_age of the source."),
    ),
    "fault": (
        said("relay itself failed on it; it is kept in the quarantine."),
        said("Please report it. Replay it once relay is mended."),
    ),
    "too_large": (said("The body is larger than server.max_body."), said("Raise server.max_body, or send less.")),
    "unsupported": (
        said("The content type or encoding is none that relay reads."),
        said("Send application/json, without compression."),
    ),
    "too_slow": (said("The body did not come in time."), said("Look at the network, or at the proxy between.")),
    "wrong_method": (said("It was no POST."), said("Webhooks are sent with POST.")),
    "unknown_source": (
        said("There is no source of this name: the address ends with a name that the configuration does not have."),
        said("Compare the address that the sender uses with sources of the configuration."),
    ),
    "unavailable": (
        said("relay could not make it durable then, and answered 503."),
        said("A sender that tries again loses nothing. See on the first page how Redis is."),
    ),
}  # fmt: skip


class SourceQuestion(Question):
    """Without a name: what came to addresses that are no source."""

    name: str = Field(default="", max_length=200)


class RefusalFacts(Facts):
    """One that was refused. `quarantined`: the id of its body, where it was kept."""

    at: datetime | None
    peer: str
    quarantined: str


class RefusedFacts(Facts):
    """A reason for which requests of the last days were refused."""

    reason: str
    meaning: Phrase
    advice: Phrase
    count: int
    first: datetime | None
    last: datetime | None
    newest: list[RefusalFacts]


class SourceFacts(Facts):
    """`requests` are counted since this process began, `refused` and `duplicates` over `days` by all processes."""

    name: str
    scheme: str
    platform: str
    event: str
    requests: SourceHealth | None
    days: int
    duplicates: int
    refused: list[RefusedFacts]


async def source(desk: Desk, question: SourceQuestion) -> SourceFacts:
    name, own = question.name, desk.config().sources.get(question.name)
    refusals = Refusals(desk.store.redis)
    totals, noise = await asyncio.gather(
        refusals.totals(desk.clock(), DAYS), NoiseFigures(desk.store, partial=True).days(desk.clock(), DAYS)
    )
    rows = [row for row in totals if row.source == name]
    if name and own is None and not rows:
        near = [Near(f"/console/source?name={other}", "%(name)s", {"name": other}) for other in desk.config().sources]
        raise Unknown(said("There is no source %(name)s."), near=near, name=name)
    newest = await asyncio.gather(*(refusals.recent(name, row.reason, MOST) for row in rows))
    unexplained = (said("Refused."), said("The log says more (event.refused)."))
    return SourceFacts(
        name=name,
        scheme=own.signature.scheme if own else "",
        platform=own.platform if own else "",
        event=own.event if own else "",
        requests=next((row for row in sources(desk) if row.name == name), None),
        days=DAYS,
        duplicates=sum(day.repeated.get(name, 0) for day in noise),
        refused=[
            RefusedFacts(
                reason=row.reason,
                meaning=phrase(REASONS.get(row.reason, unexplained)[0]),
                advice=phrase(REASONS.get(row.reason, unexplained)[1]),
                count=row.count,
                first=moment(row.first),
                last=moment(row.last),
                newest=[
                    RefusalFacts(at=moment(kept.at), peer=kept.peer, quarantined=kept.quarantined) for kept in some
                ],
            )
            for row, some in zip(rows, newest, strict=True)
        ],
    )
