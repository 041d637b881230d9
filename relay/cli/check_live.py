"""relay check --live: ask the other sides whether they would accept relay, without notifying anyone."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from relay.channels.slack.errors import advice
from relay.channels.slack.scopes import LOSSES, OPTIONAL
from relay.channels.slack.settings import SlackSettings
from relay.cli.setup import demands_of, slack_settings
from relay.config import Config
from relay.configfile.document import Document
from relay.coordinator import build_channels
from relay.errors import ConfigError, KeysUnavailable, Problem, RelayError
from relay.interactivity.buttons import CHANNEL, enabled_actions
from relay.platform.lookups import client_of, configured
from relay.policy.presentation import OWNER
from relay.policy.recipients import KEYS
from relay.receiving.key_cache import fetch
from relay.receiving.oidc import KEYS_OF, read_keys
from relay.receiving.signature_settings import Signature
from relay.store import Store
from relay.store.embedded.server import running_url
from relay.store.inspection import inspect
from relay.store.layout import check as check_layout

PATIENCE = 15.0  # seconds for each of the other sides
SLACK_APP = "channels.slack.app"


async def ask_everyone(config: Config, document: Document) -> tuple[list[Problem], dict[str, str]]:
    """Return what is wrong at each of the other sides, and the answers of those where nothing is."""
    channels, slack = build_channels(config), slack_settings(config)
    questions: dict[str, Callable[[], Awaitable[str]]] = {
        "redis": lambda: _ask_redis(config),
        **({"platform": lambda: _ask_platform(config)} if config.platform.base_url else {}),
        **{
            f"sources.{name}": partial(_ask_issuer, source.signature)
            for name, source in config.sources.items()
            if source.signature.scheme == "oidc"
        },
        **{f"channels.{name}": channel.check for name, channel in channels.items()},
        **({SLACK_APP: lambda: _ask_slack_app(config, slack, channels, document)} if slack else {}),
        **(
            {"channels.slack.actions": lambda: _ask_who_may(config, channels, document)}
            if enabled_actions(config)
            else {}
        ),
    }
    problems: list[Problem] = []
    answers: dict[str, str] = {}
    for name, ask in questions.items():
        if name == SLACK_APP and "channels.slack" not in answers:
            continue  # it would be refused for the same reason
        before = len(document.problems)
        try:
            answer = await asyncio.wait_for(ask(), PATIENCE)
        except TimeoutError:
            problems.append(Problem(name, f"no answer within {PATIENCE:g} s"))
        except ConfigError as error:
            problems += error.problems
        except RelayError as error:
            problems.append(Problem(name, str(error)))
        else:
            answers |= {name: answer} if len(document.problems) == before else {}
        problems += document.problems[before:]
    for channel in channels.values():
        await channel.aclose()
    return problems, answers


async def _ask_redis(config: Config) -> str:
    url = config.redis.url or await running_url(config.data_dir)
    if not url:
        return "the private one is not running; relay serve starts it"
    opened = Store.open(url, process="check", may_own=False)
    async with contextlib.aclosing(opened) as store:
        await check_layout(store.plain)
        promise = await inspect(store.redis, config.redis.durability, config.redis.replicas)
    if promise.shortfall:
        raise RelayError(promise.shortfall)
    return f"answers; durability is {promise.durability}"


async def _ask_platform(config: Config) -> str:
    if not configured(config.platform):
        return "is not asked: without tenant and project its address is only where links start"
    async with client_of(config.platform) as client:
        page = await client.operations(page_size=1)
    return f"answers; operations: {page.summary.total_operations}"


async def _ask_issuer(signature: Signature) -> str:
    address = signature.keys or KEYS_OF[signature.issuer]
    try:
        return f"answers; keys: {len(read_keys(await fetch(address)))}"
    except (KeysUnavailable, ValueError) as error:
        raise RelayError(f"{address} {error}") from None


async def _ask_slack_app(
    config: Config, settings: SlackSettings, channels: Mapping[str, Any], document: Document
) -> str:
    """Ask whether the app may do this. Report the line of each destination that it may not post to."""
    slack, demands = channels[CHANNEL], demands_of(config, settings)
    lacking = slack.lacking(demands)
    if faults := [f"{loss} without {scope}" for scope, loss in lacking.items() if scope not in OPTIONAL]:
        scopes = ", ".join(scope for scope in lacking if scope not in OPTIONAL)
        document.report(("channels", CHANNEL, "token"), f"{'; '.join(faults)}: {advice('missing_scope', scope=scopes)}")
    reach = await slack.reach(demands.conversations)
    for name, destination in config.destinations.items():
        for address in destination.addresses if destination.channel == CHANNEL else ():
            if obstacle := reach.get(address):
                written = name.removesuffix(f".{CHANNEL}")  # of a team (relay/config/teams.py)
                document.report(("destinations", written, CHANNEL), f"{address}: {obstacle}")
    allowed = config.dynamic_destinations
    for index, address in enumerate(allowed.by_channel[CHANNEL] if allowed else ()):
        if obstacle := reach.get(address):
            document.report(("dynamic_destinations", KEYS[CHANNEL], index), f"{address}: {obstacle}")
    unasked = ", ".join(conversation for conversation, obstacle in reach.items() if obstacle is None)
    unknown = f"; Slack does not say of {unasked}" if unasked else ""
    missing = "; ".join(f"without the scope {scope} {LOSSES[scope]}" for scope in lacking)
    return "; ".join(filter(None, [f"may do what this configuration says{unknown}", missing]))


async def _ask_who_may(config: Config, channels: Mapping[str, Any], document: Document) -> str:
    """Ask which names under `actions` Slack knows. Report the line of each unknown one."""
    for action, names in enabled_actions(config).items():
        unknown_names = await channels[CHANNEL].unknown_names(names)
        for index, name in enumerate(names):
            if name in unknown_names and name != OWNER:
                fault = f"Slack knows nobody by {name}; expected a user group that has members (@data-team), an id, or "
                path = ("channels", CHANNEL, "actions", action, index)
                document.report(path, f"{fault}an e-mail address of somebody in the workspace")
    return "Slack knows everybody who may press"
