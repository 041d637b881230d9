"""The demands of a configuration on its Slack app."""

from collections.abc import Iterable

from relay.channels.slack.scopes import Demands
from relay.channels.slack.settings import SlackSettings
from relay.config import Config
from relay.domain.deliveries import PERSON
from relay.interactivity.buttons import CHANNEL, enabled_actions
from relay.policy.presentation import OWNER, callable_names


def slack_settings(config: Config) -> SlackSettings | None:
    """None where nothing is posted by an app: there is no Slack, or incoming webhooks alone."""
    settings = config.channels.get(CHANNEL)
    return settings if isinstance(settings, SlackSettings) and settings.token.get_secret_value() else None


def demands_of(config: Config, settings: SlackSettings) -> Demands:
    """Return what has to work in Slack for this configuration."""
    conversations: set[str] = set()
    names: set[str] = set()
    for destination in config.destinations.values():
        posted = _by_the_app(destination.addresses, settings) if destination.channel == CHANNEL else ()
        conversations.update(posted)
        if posted and destination.mode != "digest":
            names |= callable_names(destination.mention)
    dynamic = config.dynamic_destinations
    if dynamic and (posted := _by_the_app(dynamic.by_channel[CHANNEL], settings)):
        conversations.update(posted)
        names |= callable_names({})
    by_name = dynamic is not None and dynamic.mention is None and bool(names)
    if dynamic and names:
        names |= {f"{PERSON}{name}" for name in dynamic.mention or ()}
    actions = enabled_actions(config)
    return Demands(
        conversations=frozenset(conversations),
        names=frozenset(names - {OWNER}),
        owners=OWNER in names,
        by_name=by_name,
        pressers=frozenset(name for allowed in actions.values() for name in allowed) if actions else None,
    )


def _by_the_app(conversations: Iterable[str], settings: SlackSettings) -> list[str]:
    """Return those without an incoming webhook of their own."""
    return [conversation for conversation in conversations if not settings.own_host(conversation)]
