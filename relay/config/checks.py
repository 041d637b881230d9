"""Checks across the configuration: names that lead nowhere, and settings that do not go together."""

import re
from typing import Any
from urllib.parse import urlsplit

from relay.config.people import check_owners, check_people
from relay.config.schema import Config
from relay.config.teams import Teams, lists_of_names
from relay.configfile.document import Document, KeyPath
from relay.configfile.words import nearest, suggest
from relay.domain.events import SOURCE, WATCH_EVENTS
from relay.domain.identity import KNOWN_EVENTS, known_events
from relay.platform.settings import EXAMPLE
from relay.policy import destinations
from relay.policy.destinations import Channels, modes_at
from relay.policy.presentation import OWNER
from relay.policy.recipients import KEYS
from relay.receiving import permissions, sources
from relay.receiving.operators import is_loopback
from relay.rendering.translations import languages
from relay.resources import resource_dir


def check_names(document: Document) -> None:
    """Every destination and source that is named must be configured; of the raw text, so that all faults show."""
    for holder, key, path in lists_of_names(document):
        section = "sources" if key == "sources" else "destinations"
        known, raw = document.section(section), holder[key]
        for position, name in enumerate(raw if isinstance(raw, list) else [raw]):
            internal = section == "sources" and name == SOURCE  # where relay's own events come from
            if isinstance(name, str) and name not in known and not internal and not is_misspelt(section, document):
                where = (*path, position) if isinstance(raw, list) else path
                document.report(where, f"unknown {section[:-1]} {name!r}; {suggest(name, known)}")


def is_misspelt(section: str, document: Document) -> bool:
    """Return whether this key at the top is missing because it was misspelt, which is reported already."""
    keys = Config.model_fields
    return section not in document.data and section in {nearest(key, keys) for key in document.data if key not in keys}


def check_dynamic(config: Config, document: Document, channels: Channels) -> None:
    """Check that what operations may ask for is possible, and spelled as destinations spell it."""
    allowed = config.dynamic_destinations
    for channel, listed in allowed.by_channel.items() if allowed else ():
        key, settings = KEYS[channel], config.channels.get(channel)
        if listed and settings is None:
            document.report(("dynamic_destinations", key), f"needs channels.{channel}, which is missing")
        for index, address in enumerate(listed if key == channel else ()):
            path: KeyPath = ("dynamic_destinations", key, index)
            try:
                channels[channel].addresses(address)
            except ValueError as error:
                document.report(path, str(error))
                continue
            if settings and not modes_at(channels[channel], settings, address):
                document.report(path, f"channels.{channel} has no way to {address}")
    for index, name in enumerate((allowed and allowed.mention) or ()):
        if name.strip().lstrip("@!").casefold() in ("here", "channel", "everyone"):
            document.report(("dynamic_destinations", "mention", index), "an operation never calls a whole conversation")


def check(config: Config, document: Document, channels: Channels, teams: Teams) -> None:
    """Check what no single value shows."""
    if config.redis.durability == "replicated" and not config.redis.url:
        document.report(("redis", "durability"), "replicated needs the url of a Redis that has replicas")
    if config.server.reuse_port and not config.redis.url:
        document.report(("server", "reuse_port"), "needs redis.url: relays that share a port must share a Redis")
    several = {"+sentinel://": "with Sentinels", "+cluster://": "on a Cluster"}
    where = next((where for mark, where in several.items() if mark in config.redis.url), "")
    if where and config.redis.durability == "auto":
        text = f"auto; {where}, replicated alone keeps at a failover what was answered 2xx"
        document.warn(("redis", "durability"), text)
    if config.templates and not config.templates.is_dir():
        document.report(("templates",), f"expected a directory; there is none at {config.templates.absolute()}")
    _check_languages(config, document)
    _check_rules(config, document, teams)
    _check_holds(config, document)
    _check_escalations(config, document, teams)
    _check_operators(config, document)
    for name, source in config.sources.items():
        if source.event and source.event not in KNOWN_EVENTS:
            document.warn(
                ("sources", name, "event"), f"not an event that relay knows; {suggest(source.event, KNOWN_EVENTS)}"
            )
    _check_reach(config, document)
    _check_links(config, document, channels)
    _check_buttons(config, document)
    check_owners(config.owners, config.people, document)
    check_people(config.people, config.owners, config.sources, config.destinations, document)
    for path, message in (
        *sources.warnings(config.sources),
        *permissions.warnings(config.sources),
        *destinations.warnings(config.destinations),
    ):
        document.warn(path, message)


def _check_languages(config: Config, document: Document) -> None:
    """A language needs a catalogue, ours or one beside the user's own templates; `de-AT` makes do with `de`."""
    custom = [config.templates] if config.templates else []
    available = {*languages([*custom, resource_dir("templates")])}
    chosen: dict[KeyPath, str | None] = {("language",): config.language}
    chosen |= {
        ("destinations", name, "language"): destination.language for name, destination in config.destinations.items()
    }
    for path, language in chosen.items():
        if language and not {language, re.split("[-_]", language)[0]} & available:
            document.report(path, f"unknown language; {suggest(language, available)}")


def _check_rules(config: Config, document: Document, teams: Teams) -> None:
    if not config.rules:
        document.warn(("rules",), "there are none, so nobody is notified of anything")
    names: dict[str, int] = {}
    for index, rule in enumerate(config.rules):
        if names.setdefault(rule.name, index) != index:
            document.report(("rules", index, "name"), f"the name of rules[{names[rule.name]}]; give each its own")
        for position, pattern in enumerate(rule.events):
            if known_events(pattern):
                continue
            path = ("rules", index, "events", position)
            if "*" in pattern:  # it reaches known events only, so it would never hold
                document.report(path, f"fits no event; {suggest(pattern, KNOWN_EVENTS)}")
            else:
                hint = suggest(pattern, KNOWN_EVENTS, "it reaches this rule if a source sends it")
                document.warn(path, f"not an event that relay knows; {hint}")
        _check_labels(config, document, index)
    notified = {*config.operators, *(name for rule in config.rules for name in rule.notify)}
    steps = [step for destination in config.destinations.values() for step in destination.escalate]
    notified |= {name for step in steps for name in teams.get(step.to, (step.to,))}
    for name in config.destinations.keys() - notified:
        document.warn(("destinations", name), "no rule notifies it")


def _check_labels(config: Config, document: Document, index: int) -> None:
    """Warn of labels that no format of the rule's sources gives; relay's own documents may carry any."""
    rule = config.rules[index]
    named = [config.sources[name] for name in rule.sources or config.sources if name in config.sources]
    labels = {label for source in named if source.reader for label in source.reader.labels}
    for label in rule.where.keys() - labels:
        hint = suggest(label, labels)
        if all(source.format for source in named) or nearest(label, labels):
            document.warn(("rules", index, "where", label), f"no format of the rule's sources gives it; {hint}")


def _check_reach(config: Config, document: Document) -> None:
    """Warn of rules and settings that no source can ever match, by what its permissions leave out."""
    by_source = permissions.source_permissions(config.sources)
    if config.dynamic_destinations and all(limits and not limits.recipients for limits in by_source.values()):
        document.warn(("dynamic_destinations",), "no source may name recipients; see sources.X.may_name_recipients")
    for name, source in config.sources.items():
        if source.max_age and source.max_age > config.retention:
            document.warn(("sources", name, "max_age"), "longer than retention, after which a repetition is told again")
    for index, rule in enumerate(config.rules):
        limits = [by_source.get(name) for name in rule.sources or by_source if name != SOURCE]
        for position, pattern in enumerate(rule.events):
            names = known_events(pattern) or (pattern,)
            sayable = [limit is None or limit.events is None or not limit.events.isdisjoint(names) for limit in limits]
            if not {*WATCH_EVENTS} & {*names} and limits and not any(sayable):
                document.warn(("rules", index, "events", position), f"{pattern}: no source of this rule may say it")
        for key in ("tenants", "projects"):
            for position, name in enumerate(getattr(rule, key)):
                if limits and all(
                    limit and getattr(limit, key) and name not in getattr(limit, key) for limit in limits
                ):
                    document.warn(("rules", index, key, position), f"{name}: no source of this rule may speak for it")


def _check_holds(config: Config, document: Document) -> None:
    """Warn of destinations that hold failures but get no alarm when the run that started again hangs."""
    for name, destination in config.destinations.items():
        if not destination.hold_failure:
            continue
        events = {
            event for rule in config.rules if name in rule.notify and (not rule.sources or SOURCE in rule.sources)
            for pattern in rule.events for event in known_events(pattern)
        }  # fmt: skip
        if "operation.stalled" not in events or config.watchdog is None:
            text = "the watchdog is off" if config.watchdog is None else "no rule brings operation.stalled here"
            document.warn(
                ("destinations", name, "hold_failure"),
                f"{text}: of a failure whose run is begun again and then hangs nobody here would hear",
            )


def _check_links(config: Config, document: Document, channels: Channels) -> None:
    """Warn of messages without a link to their run or to unsubscribe, and of links to any host."""
    if not config.destinations:
        return
    address = urlsplit(config.server.public_url)
    if any(getattr(channels[its.channel], "unsubscribes", False) for its in config.destinations.values()):
        if not address.hostname and ("server", "public_url") not in document.lines:
            text = "not set, so mails have no unsubscribe link; expected relay's address on the internet, https://…"
            document.warn(("server", "public_url"), text)
        elif address.hostname and address.scheme != "https" and not is_loopback(address.hostname):
            text = "mail programs offer one-click unsubscribe only for https addresses"
            document.warn(("server", "public_url"), text)
    own = not all(source.format for source in config.sources.values())  # whose pages `links` are of
    described = ("platform", "links", "operation") in document.lines  # '' says that there are none
    if own and not (described or config.platform.links.operation):
        text = "not set, so messages link to no page, unless the platform sends trackingUrl; expected the page of an"
        document.warn(("platform", "links", "operation"), f"{text} operation, such as {EXAMPLE}")
    named = {source.format for source in config.sources.values() if source.reader and not source.reader.links}
    for name in sorted(named & config.formats.keys()) if config.platform.links.operation else ():
        text = "not set, so messages do not link to its runs: platform.links are of sources without a format; expected"
        document.warn(("formats", name, "link"), f'{text} such as "https://ci.example.com/runs/{{id}}"')
    if config.link_hosts.shown and own and not described:
        text = "not set, and neither are base_url and links: messages link to any host that an event names; list "
        document.warn(("platform", "link_hosts"), f"{text}the allowed hosts, or '*'")


def _check_escalations(config: Config, document: Document, teams: Teams) -> None:
    digests = {name for name, destination in config.destinations.items() if destination.mode == "digest"}
    reachable = {*config.destinations, *teams} - digests
    for name, destination in config.destinations.items():
        for index, step in enumerate(destination.escalate):
            path = ("destinations", name, "escalate", index, "to")
            if step.to in digests:
                document.report(path, f"{step.to} is a digest; expected a destination that is told at once")
            elif step.to not in reachable:
                document.report(path, f"unknown destination {step.to!r}; {suggest(step.to, reachable)}")


def _check_buttons(config: Config, document: Document) -> None:
    """Warn of buttons that are configured but cannot work."""
    for name, settings in config.channels.items():
        actions: Any = getattr(settings, "actions", None)
        enabled = [action for action in ("retry", "cancel") if getattr(actions, action, None)]
        for action, names in actions or ():
            if OWNER in names and not config.owners:
                document.report(("channels", name, "actions", action), "owner is nobody: expected owners")
        if actions is None or getattr(settings, "interactivity", "") == "off":
            if actions and actions.model_fields_set:
                text = "off, so messages have no buttons, although actions is set"
                document.warn(("channels", name, "interactivity"), text)
        elif missing := [
            key for key in ("base_url", "tenant", "project") if enabled and not getattr(config.platform, key)
        ]:
            text = f"the buttons {' and '.join(enabled)} are left out: they need {', '.join(missing)}"
            document.warn(("platform",), text)
        elif enabled and not config.platform.token.get_secret_value():
            text = f"not set; does the platform accept {' and '.join(enabled)} without a token?"
            document.warn(("platform", "token"), text)


def _check_operators(config: Config, document: Document) -> None:
    """Somebody has to hear that relay itself is in trouble, also where that is the channel they would hear it by."""
    operators = [config.destinations[name] for name in config.operators if name in config.destinations]
    for position, name in enumerate(config.operators):
        if name in config.destinations and config.destinations[name].mode == "digest":
            document.report(("operators", position), f"{name} is a digest; expected a destination that is told at once")
    if not operators:
        unheard = "nobody hears when a channel is down, credentials are refused or messages are given up"
        text = f"there are none, so {unheard}; expected names of destinations"
        document.warn(("operators",), text)
    elif len({destination.channel for destination in operators}) == 1:
        others = [name for name in config.channels if name != operators[0].channel]
        advice = f"add a destination in {' or '.join(others)}" if others else "a second channel would carry it"
        text = f"all are in {operators[0].channel}: while that does not work, none of them hears of it; {advice}"
        document.warn(("operators",), text)
