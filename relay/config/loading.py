"""Reading the configuration: one YAML file, whole or not at all, with every fault named by its line."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ValidationError

from relay.config.schema import Config
from relay.configfile.document import Document, KeyPath, read
from relay.configfile.validation import nearest, suggest, validate
from relay.errors import ConfigError, Problem
from relay.policy import destinations
from relay.policy.destinations import Channels, modes_at, read_destinations
from relay.policy.presentation import KNOWN_EVENTS
from relay.policy.rules import fits
from relay.policy.watchdog import SOURCE
from relay.receiving import sources
from relay.rendering.translations import languages
from relay.resources import resource_dir

# Variables that decide over the file, and what they decide.
OVERRIDES = {
    "RELAY_REDIS_URL": ("redis", "url"),
    "RELAY_HOST": ("server", "host"),
    "RELAY_PORT": ("server", "port"),
    "RELAY_DATA_DIR": ("data_dir",),
}
VARIABLES = (*OVERRIDES, "RELAY_CONFIG", "RELAY_REDIS_SERVER")
DIGEST = 12  # hexadecimal digits, the first that `sha256sum` shows: enough to tell one version of a file from another


def load(path: Path, *, env: Mapping[str, str], channels: Channels) -> Config:
    """The configuration in this file. Raises ConfigError with everything that is wrong with it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([Problem("", f"cannot be read: {error.strerror}")], str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem("", "cannot be read: it is not UTF-8 text")], str(path)) from None
    return parse_config(text, file=str(path), env=env, channels=channels)


def parse_config(text: str, *, file: str = "", env: Mapping[str, str], channels: Channels) -> Config:
    """The configuration in this text. Raises ConfigError with everything that is wrong with it."""
    document = read(text, file=file, env=env)
    _override(document, env)
    _name_rules(document)
    settings = {
        **document.data,
        "channels": _channels(document, channels),
        "destinations": read_destinations(document, channels),
    }
    config = validate(Config, settings, document, ())
    _check_names(document)
    if config:
        config = _with_inherited_retries(config)
        config = _with_possible_modes(config, document, channels)
        _check(config, document)
        _check_dynamic(config, document, channels)
    if document.problems or not config:
        raise ConfigError(sorted(document.problems, key=lambda problem: problem.line or 0), file)
    config._digest = sha256(text.encode()).hexdigest()[:DIGEST]
    config._warnings = tuple(sorted(document.warnings, key=lambda problem: problem.line or 0))
    return config


def _override(document: Document, env: Mapping[str, str]) -> None:
    for variable, path in OVERRIDES.items():
        value = env.get(variable, "")
        if variable == "RELAY_PORT" and value.startswith("tcp://"):
            # Kubernetes sets it so in every container beside a service that is called relay.
            document.warn((), f"RELAY_PORT={value} comes from Kubernetes and is ignored")
        elif value:
            document.override(path, value, variable)
    for variable in env:
        near = get_close_matches(variable, VARIABLES, n=1, cutoff=0.85) if variable.startswith("RELAY_") else []
        if near and variable not in VARIABLES and variable not in document.variables:
            document.warn((), f"the environment variable {variable} means nothing to relay; did you mean {near[0]}?")


def _name_rules(document: Document) -> None:
    """A rule without a name is called by its number."""
    rules = document.data.get("rules")
    for number, rule in enumerate(rules if isinstance(rules, list) else (), start=1):
        if isinstance(rule, dict):
            rule.setdefault("name", f"rule {number}")


def _channels(document: Document, channels: Channels) -> dict[str, BaseModel]:
    """The settings of each channel that is configured, or that is used and content with its defaults."""
    configured = document.section("channels")
    valid = {}
    # What was meant but is misspelt is not missing as well.
    missing = set(channels) if _is_misspelt("channels", document) else set()
    for name, settings in configured.items():
        if name not in channels:
            document.report(("channels", name), f"unknown channel; {suggest(name, channels)}")
            missing.add(nearest(name, channels))
        elif model := validate(channels[name].Settings, settings, document, ("channels", name)):
            valid[name] = model
    for name, destination in document.section("destinations").items():
        for channel in destination if isinstance(destination, dict) else ():
            if channel in channels and channel not in configured and channel not in valid and channel not in missing:
                try:
                    valid[channel] = channels[channel].Settings()
                except ValidationError:
                    missing.add(channel)
                    document.report(("destinations", name, channel), f"needs channels.{channel}, which is missing")
    return valid


def _check_names(document: Document) -> None:
    """Every name that a rule gives must be one of ours; asked of the raw text, so that all faults show at once."""
    sections = {key: document.section(key) for key in ("destinations", "sources")}
    misspelt = {key for key in sections if _is_misspelt(key, document)}
    rules = document.data.get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        for key, section in (("notify", "destinations"), ("sources", "sources")):
            names = rule.get(key) if isinstance(rule, dict) else None
            listed = names if isinstance(names, list) else [names]
            for position, name in enumerate(listed):
                own = section == "sources" and name == SOURCE  # where relay's own events come from
                if isinstance(name, str) and name not in sections[section] and not own and section not in misspelt:
                    path = ("rules", index, key, position) if listed is names else ("rules", index, key)
                    document.report(path, f"unknown {section[:-1]} {name!r}; {suggest(name, sections[section])}")


def _is_misspelt(section: str, document: Document) -> bool:
    """Whether this key at the top is missing because it was written a little wrong, which is reported already."""
    keys = Config.model_fields
    return section not in document.data and section in {nearest(key, keys) for key in document.data if key not in keys}


def _with_inherited_retries(config: Config) -> Config:
    """What a destination's retry leaves out, it takes from the one at the top."""
    heirs = {
        name: destination.model_copy(
            update={"retry": config.retry.model_copy(update=destination.retry.model_dump(exclude_unset=True))}
        )
        for name, destination in config.destinations.items()
        if destination.retry
    }
    return config.model_copy(update={"destinations": {**config.destinations, **heirs}})


def _with_possible_modes(config: Config, document: Document, channels: Channels) -> Config:
    """Each destination gets a mode that its address allows: one that cannot edit has no live message."""
    changed = {}
    for name, destination in config.destinations.items():
        settings = config.channels.get(destination.channel)
        called = dict.fromkeys(name for names in destination.mention.values() for name in names)
        for address in destination.addresses:
            possible = modes_at(channels[destination.channel], settings, address)
            if not possible:
                document.report(
                    ("destinations", name, destination.channel),
                    f"channels.{destination.channel} has no way to {address}",
                )
            elif destination.mode not in possible:
                changed[name] = destination.model_copy(update={"mode": possible[0]})
            for warning in getattr(settings, "warnings_for", _no_warnings)(address, destination.mode, called):
                document.warn(("destinations", name), warning)
    return config.model_copy(update={"destinations": {**config.destinations, **changed}}) if changed else config


def _no_warnings(*_: object) -> tuple[str, ...]:
    return ()


def _check_dynamic(config: Config, document: Document, channels: Channels) -> None:
    """What operations may ask for has to be possible, and spelled as destinations spell it."""
    allowed = config.dynamic_destinations
    requested = {"email": allowed.email_domains, "slack": allowed.slack} if allowed else {}
    for channel, key in (("email", "email_domains"), ("slack", "slack")):
        if requested.get(channel) and channel not in config.channels:
            document.report(("dynamic_destinations", key), f"needs channels.{channel}, which is missing")
    for index, conversation in enumerate(requested.get("slack", ())):
        path: KeyPath = ("dynamic_destinations", "slack", index)
        try:
            channels["slack"].addresses(conversation)
        except ValueError as error:
            document.report(path, str(error))
            continue
        settings = config.channels.get("slack")
        if settings and not modes_at(channels["slack"], settings, conversation):
            document.report(path, f"channels.slack has no way to {conversation}")
    for index, name in enumerate((allowed and allowed.mention) or ()):
        if name.strip().lstrip("@!").casefold() in ("here", "channel", "everyone"):
            document.report(("dynamic_destinations", "mention", index), "an operation never calls a whole conversation")


def _check(config: Config, document: Document) -> None:
    """What no single value shows."""
    if config.redis.durability == "replicated" and not config.redis.url:
        document.report(("redis", "durability"), "replicated needs the url of a Redis that has replicas")
    if config.templates and not config.templates.is_dir():
        document.report(("templates",), f"expected a directory; there is none at {config.templates.absolute()}")
    _check_languages(config, document)
    _check_rules(config, document)
    for name, source in config.sources.items():
        if source.event and source.event not in KNOWN_EVENTS:
            document.warn(
                ("sources", name, "event"), f"not an event that relay knows; {suggest(source.event, KNOWN_EVENTS)}"
            )
    for path, message in (*sources.warnings(config.sources), *destinations.warnings(config.destinations)):
        document.warn(path, message)


def _check_languages(config: Config, document: Document) -> None:
    """A language needs a catalogue, ours or one beside the user's own templates; `de-AT` makes do with `de`."""
    own = [config.templates] if config.templates else []
    available = {*languages([*own, resource_dir("templates")])}
    chosen: dict[KeyPath, str | None] = {("language",): config.language}
    chosen |= {
        ("destinations", name, "language"): destination.language for name, destination in config.destinations.items()
    }
    for path, language in chosen.items():
        if language and not {language, re.split("[-_]", language)[0]} & available:
            document.report(path, f"unknown language; {suggest(language, available)}")


def _check_rules(config: Config, document: Document) -> None:
    if not config.rules:
        document.warn(("rules",), "there are none, so nobody is notified of anything")
    names: dict[str, int] = {}
    for index, rule in enumerate(config.rules):
        if names.setdefault(rule.name, index) != index:
            document.report(("rules", index, "name"), f"the name of rules[{names[rule.name]}]; give each its own")
        for position, pattern in enumerate(rule.events):
            if any(fits(pattern, event) for event in KNOWN_EVENTS):
                continue
            path = ("rules", index, "events", position)
            if "*" in pattern:  # it reaches known events only, so it would never hold
                document.report(path, f"fits no event; {suggest(pattern, KNOWN_EVENTS)}")
            else:
                hint = suggest(pattern, KNOWN_EVENTS, "it reaches this rule if a source sends it")
                document.warn(path, f"not an event that relay knows; {hint}")
    for name in config.destinations.keys() - {name for rule in config.rules for name in rule.notify}:
        document.warn(("destinations", name), "no rule notifies it")
