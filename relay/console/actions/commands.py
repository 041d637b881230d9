"""Acts that commands and programs ask for: events, digests before their time, login links, reloading."""

import contextlib
import json
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal

import aiohttp
from pydantic import ConfigDict, Field

from relay.background.catch_up import catch_up, hooks_of
from relay.background.upkeep import at_hand
from relay.config import VIEWER, Config, Role
from relay.config.listeners import WITHOUT_SECRET
from relay.console.access import Identity
from relay.console.access.login_flow import MINUTES, make_link
from relay.console.context import Context, way_of
from relay.console.facts import Form, Name, NameForm
from relay.console.view import Done, refused
from relay.console.views.dead import READ
from relay.console.views.related import with_job
from relay.console.views.source import shown
from relay.domain import documents
from relay.domain.documents import decode_any
from relay.domain.events import Event
from relay.domain.run_ends import stated_start
from relay.errors import RelayError
from relay.operating.accounts import events_of
from relay.operating.clocks import local
from relay.operating.digests import digest_named
from relay.operating.explanation import explanation_of_body, source_named
from relay.operating.test_message import moved
from relay.policy.silences import Silences
from relay.receiving.operators import is_loopback
from relay.receiving.problems import HttpProblem
from relay.receiving.reading import OF_FORMAT, first, readers
from relay.receiving.signatures import sign
from relay.store.bodies import LastBody
from relay.store.queries.reachability import OperatorPauses
from relay.store.queries.silences import SilenceList
from relay.store.sessions import Sessions


class BodyForm(NameForm):
    """A body that the source of this name might send; it is kept nowhere."""

    document: str = Field(min_length=1, max_length=READ)


class LinkForm(Form):
    """The role of the link's user."""

    role: Role = VIEWER


async def try_body(context: Context, form: BodyForm, _identity: Identity) -> Done:
    body = LastBody(context.clock(), {}, form.document.encode("utf-8", "replace"))
    return Done("", shown=await shown(context, form.name, body))


async def send_digest(context: Context, form: NameForm, identity: Identity) -> Done:
    config, sent = context.config(), list[str]()
    destination = digest_named(config, form.name)
    async with context.act(identity, "digest send", form.name) as act:
        for target, window in at_hand(destination, config, context.kinds, context.clock()):
            if await context.store.bundles.send_now(target, window):
                sent.append(target.address)
        act.outcome = f"queued for {len(sent)}" if sent else "nothing to send"
    if not sent:
        return refused(f"nothing has come in for {form.name} since its last digest.")
    return Done(f"Queued for {', '.join(sent)}.")


async def link(context: Context, form: LinkForm, identity: Identity) -> Done:
    """Make a link that lets one person into the console, once."""
    config = context.config()
    host = config.server.admin.host
    if not context.signing.available:
        return refused(f"the console is off: {WITHOUT_SECRET}")
    if not is_loopback(host) and not config.console.enabled:
        where = f"server.admin listens on {host or 'every address'}"
        return refused(f"the console is off: {where}, and nothing is configured under console")
    base = config.console.url or context.operators_url()
    async with context.act(identity, "console link", form.role, minutes=f"{MINUTES}"):
        address = await make_link(
            Sessions(context.store), context.signing, base, form.role, identity.name, now=context.clock()
        )
    return Done(f"It lets one {form.role} in, once, within {MINUTES} minutes.", facts={"link": address})


async def reload(context: Context, _form: Form, identity: Identity) -> Done:
    """Reload this process's configuration, as SIGHUP does, and record who asked."""
    done = context.reload(actor=identity.name, **way_of(identity))
    if done.refusal:
        return refused(done.refusal)
    keys, same = ", ".join(done.needs_restart), done.before == done.after
    facts = {"config": done.after, "before": done.before, "keys": keys}
    change = "; only templates may have changed." if same else f", before {done.before}."
    text = f"The configuration was read again and is in use: {done.after}{change}"
    return Done(f"{text} These keys need a restart: {keys}." if keys else text, facts=facts)


class CatchUpForm(Form):
    """The kind of sender that is asked."""

    sender: Literal["github"] = "github"


async def ask_again(context: Context, form: CatchUpForm, identity: Identity) -> Done:
    """Have each sender of this kind redeliver what failed in the last three days."""
    hooks = hooks_of(context.config().sources)
    if not hooks:
        return refused("no source has catch_up: the addresses of its webhooks, and a token (docs/senders.md)")
    async with context.act(identity, "catch-up", form.sender) as act:
        done = await catch_up(hooks, context.clock(), every=True)
        act.outcome = f"{sum(each.found.asked for each in done)} asked for"
    facts = [{"source": each.source, "hook": each.hook, **each.found._asdict(), "error": str(each.error or "")}
             for each in done]  # fmt: skip
    failing = any(each.error for each in done)
    return Done("\n".join(map(str, done)), refused=failing, facts={"hooks": facts})


POST_TIMEOUT = aiohttp.ClientTimeout(30.0)
SHOWN = 4000  # characters of the answer


class EventForm(Form):
    """`event` is the body, byte for byte; `now` moves its times. `source`: by default the first that fixes no event.

    `headers`: those of the request that its format reads, by their names in small letters.
    """

    model_config = ConfigDict(str_strip_whitespace=False)

    event: str = Field(max_length=1 << 20)
    source: Name = ""
    now: bool = False
    headers: dict[Name, Name] = Field(default={}, max_length=20)


async def send_event(context: Context, form: EventForm, identity: Identity) -> Done:
    config, now = context.config(), datetime.fromtimestamp(context.clock(), UTC)
    try:
        source = source_named(config, form.source or None)
    except RelayError as error:
        raise HttpProblem(422, str(error), field="source") from None
    body = _body(form, config, source, now)
    async with context.act(identity, "send", source) as act:
        url, headers = f"{context.own_url()}/webhooks/{source}", {**form.headers, **_signed(config, source, body, now)}
        status, answer = await _post(url, body, headers)
        act.outcome = f"{status}"
    document = _read(answer)
    facts: dict[str, Any] = {"status": status, "answer": document}
    if isinstance(document, dict) and document.get("status") == "accepted":
        with contextlib.suppress(RelayError):  # it was accepted all the same
            facts["explanation"] = explanation_of_body(body, config, context.kinds, source, now, headers=form.headers)
            await _say_held(context, facts["explanation"]["destinations"], _event(form, config, source, body, now))
    phrase = next((answer.phrase for answer in HTTPStatus if answer == status), "")
    shown = f"{status} {phrase}\n{answer.decode(errors='replace')[:SHOWN]}"
    return Done(shown, refused=not 200 <= status < 300, facts=facts)


async def _say_held(context: Context, destinations: Iterable[dict[str, Any]], event: Event) -> None:
    """Add what silences and pauses hold there to the explanation."""
    now, zone = context.clock(), context.config().timezone
    silences = Silences(await SilenceList(context.store).lasting()).matching(with_job(event, context.config().job), now)
    pauses = await OperatorPauses(context.store).all(now)
    holds = [(its.destinations, f"silence {its.id}", its.ends, its.reason) for its in silences]
    holds += [((name,), f"paused by {its.by}", its.until or 0.0, its.cause) for name, its in pauses.items()]
    for row in destinations:
        row["holds"][:0] = [
            f"{kind}{f' until {local(datetime.fromtimestamp(end, UTC), zone)}' if end else ''}: {why}"
            for names, kind, end, why in holds
            if not names or row["destination"] in names
        ]


def _body(form: EventForm, config: Config, source: str, now: datetime) -> bytes:
    raw = form.event.encode()
    if not form.now:
        return raw
    document, stated = decode_any(raw), None
    if config.sources[source].reader:
        with contextlib.suppress(RelayError):  # of which its source says what is wrong
            event = _event(form, config, source, raw, now)
            stated = event.occurred_at if event.dated else stated_start(event)
    elif isinstance(document, dict) and not (stated := documents.moment(document.get("timestamp"))):
        document["timestamp"] = now.isoformat()
    return json.dumps(moved(document, now, stated), ensure_ascii=False).encode()


def _event(form: EventForm, config: Config, source: str, body: bytes, now: datetime) -> Event:
    headers = {f"{OF_FORMAT}{name}": text for name, text in form.headers.items()}
    return first(events_of(readers(config.sources)[source], body, headers, now.timestamp()))


def _signed(config: Config, source: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers by which this source proves that it sent the body, with the first of its secrets."""
    signature = config.sources[source].signature
    secret = next((key.get_secret_value().encode() for key in signature.secrets.values()), b"")
    name = f"msg_{secrets.token_hex(12)}" if signature.scheme == "standard-webhooks" else ""
    signed = sign(signature.rules, body, secret, header=signature.header, message_id=name, timestamp=now.timestamp())
    return {"Content-Type": "application/json", **signed}


async def _post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Post to relay itself; nothing leaves this machine."""
    try:
        async with (
            aiohttp.ClientSession(timeout=POST_TIMEOUT) as client,
            client.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return response.status, await response.read()
    except (aiohttp.ClientError, OSError) as error:
        raise RelayError(f"relay does not reach its own address {url}: {error or type(error).__name__}") from None


def _read(answer: bytes) -> object:
    try:
        return json.loads(answer)
    except ValueError:
        return answer.decode(errors="replace")
