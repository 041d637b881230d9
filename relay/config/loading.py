"""Reading the configuration: one YAML file, whole or not at all, with every fault named by its line."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from relay.config.checks import check, check_dynamic, check_names, is_misspelt
from relay.config.formats import bind_formats, separate_platforms
from relay.config.listeners import check_console, check_listeners, check_secrets
from relay.config.schema import Config
from relay.config.teams import expand
from relay.configfile.document import Document, read
from relay.configfile.validation import validate
from relay.configfile.words import nearest, suggest
from relay.errors import ConfigError, Problem
from relay.policy.destinations import Channels, modes_at, read_destinations
from relay.policy.retry import RetryPolicy
from relay.receiving.sources import Callbacks

# Variables that decide over the file, and what they decide.
OVERRIDES = {
    "RELAY_REDIS_URL": ("redis", "url"),
    "RELAY_HOST": ("server", "host"),
    "RELAY_PORT": ("server", "port"),
    "RELAY_ADMIN_HOST": ("server", "admin", "host"),
    "RELAY_ADMIN_PORT": ("server", "admin", "port"),
    "RELAY_ADMIN_TOKEN": ("server", "admin", "token"),
    "RELAY_DATA_DIR": ("data_dir",),
}
OF_SERVICES = ("RELAY_PORT", "RELAY_ADMIN_PORT")
OWN_SECRET = "RELAY_SECRET"  # noqa: S105 - the secret, unless the file has `secrets`
VARIABLES = (*OVERRIDES, OWN_SECRET, "RELAY_CONFIG", "RELAY_REDIS_SERVER", "RELAY_ACTOR", "RELAY_TOKEN")
DIGEST = 12  # hexadecimal digits, the first that `sha256sum` shows: enough to tell one version of a file from another


def load(path: Path, **options: Any) -> Config:
    """Return the configuration in this file, as `parse_config` reads it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([Problem("", f"cannot be read: {error.strerror}")], str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem("", "cannot be read: it is not UTF-8 text")], str(path)) from None
    return parse_config(text, file=str(path), **options)


def parse_config(
    text: str,
    *,
    file: str = "",
    env: Mapping[str, str],
    channels: Channels,
    needed: Collection[str] | None = None,
    only: Collection[str] = (),
    left_out: Collection[str] = (),
) -> Config:
    """Return the configuration in this text. Raises ConfigError with everything that is wrong with it.

    needed    the keys at the top whose variables and files must be there; elsewhere a missing one gets a placeholder,
              or its setting the default
    only      the keys at the top that are read, if not all
    left_out  the paths, spelled, of values to ignore
    """
    document = read(text, file=file, env=env, needed=needed, left_out=left_out)
    if only:
        _keep(document, only)
    _override(document, env)
    _name_rules(document)
    _expand_callbacks(document)
    separate_platforms(document)
    teams = expand(document, channels)
    settings = {
        **document.data,
        "channels": _channels(document, channels),
        "destinations": read_destinations(document, channels),
    }
    config = validate(Config, settings, document, ())
    check_names(document)
    if config:
        config = _with_inherited_retries(config)
        config = _with_possible_modes(config, document, channels)
        bind_formats(config, document)
        check(config, document, channels, teams)
        check_listeners(config.server, document)
        check_secrets(config, document)
        check_console(config, document)
        check_dynamic(config, document, channels)
    if unset := {problem.path for problem in document.problems} & document.placeholders - {*left_out}:
        options: Any = {"env": env, "channels": channels, "needed": needed, "only": only}
        return parse_config(text, file=file, left_out={*left_out, *unset}, **options)
    if document.problems or not config:
        raise ConfigError(sorted(document.problems, key=lambda problem: problem.line or 0), file)
    config._digest, config._teams = _digest(text), teams
    config._warnings = tuple(sorted(document.warnings, key=lambda problem: problem.line or 0))
    return config


def digest_of(path: Path) -> str:
    """Return the version of the file, whatever its content; '' if it cannot be read."""
    try:
        return _digest(path.read_bytes().decode("utf-8-sig", "replace"))
    except OSError:
        return ""


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:DIGEST]


def _keep(document: Document, only: Collection[str]) -> None:
    """Drop the other keys at the top, but for misspelt ones; one source replaces all."""
    data = {key: value for key, value in document.data.items() if key in only or key not in Config.model_fields}
    any_source = {"any": {"signature": {"scheme": "none", "allow_unsigned": True}}}
    document.data = {"rules": [], **data, "sources": any_source}
    rules = data.get("rules")
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict):
            rule.pop("sources", None)


def _override(document: Document, env: Mapping[str, str]) -> None:
    for variable, path in OVERRIDES.items():
        value = env.get(variable, "")
        if variable in OF_SERVICES and value.startswith("tcp://"):
            # Kubernetes sets it so in every container beside a service that is called relay, or relay-admin.
            document.warn((), f"{variable}={value} comes from Kubernetes and is ignored")
        elif value:
            document.override(path, value, variable)
    if env.get(OWN_SECRET) and "secrets" not in document.data:
        document.override(("secrets", "current"), env[OWN_SECRET], OWN_SECRET)
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


def _expand_callbacks(document: Document) -> None:
    """Add the sources of `callbacks`; one that the file names itself stays as it is."""
    if "callbacks" not in document.data:
        return
    if callbacks := validate(Callbacks, document.data["callbacks"], document, ("callbacks",)):
        configured_sources = document.section("sources")
        added = {name: source for name, source in callbacks.sources().items() if name not in configured_sources}
        document.data["sources"] = {**configured_sources, **added}
        for name in added:
            document.aliases[("sources", name)] = ("callbacks",)
            document.aliases[("sources", name, "signature", "secrets")] = ("callbacks", "token")
    elif "sources" not in document.data:
        document.suppress(("sources",))


def _channels(document: Document, channels: Channels) -> dict[str, BaseModel]:
    """The settings of each channel that is configured, or that is used and content with its defaults."""
    configured = document.section("channels")
    valid = {}
    # What was meant but is misspelt is not missing as well.
    missing = set(channels) if is_misspelt("channels", document) else set()
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


def _with_inherited_retries(config: Config) -> Config:
    """Fill each destination's retry from the one at the top."""
    inherited = config.retry.model_dump()
    heirs = {
        name: destination.model_copy(
            update={"retry": RetryPolicy(**inherited | destination.retry.model_dump(exclude_unset=True))}
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
            why = f"channels.{destination.channel} has no way to {address}"
            try:
                possible = modes_at(channels[destination.channel], settings, address)
            except ValueError as error:
                possible, why = (), str(error)
            if not possible:
                document.report(("destinations", name, destination.channel), why)
            elif destination.mode not in possible:
                changed[name] = destination.model_copy(update={"mode": possible[0]})
            warnings_for: Any = getattr(settings, "warnings_for", lambda *_: ())
            for warning in warnings_for(address, destination.mode, called):
                document.warn(("destinations", name), warning)
    return config.model_copy(update={"destinations": {**config.destinations, **changed}}) if changed else config
