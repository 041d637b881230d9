"""relay check: is this configuration right, and with --live, would the other sides take us?"""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from rich.text import Text

from relay.cli.options import config_option, json_option, visible
from relay.cli.screen import console as screen
from relay.config import Config, Server, load
from relay.configfile.document import read
from relay.configfile.units import spoken
from relay.domain.links import LinkHosts
from relay.errors import ConfigError, EmbeddedRedisError, Problem, TemplateError
from relay.platform.settings import EXAMPLE
from relay.policy.recipients import DynamicDestinations


@dataclass
class Report:
    """The findings. The configuration is right if there are no problems; warnings do not count."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    summary: dict[str, list[str]] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        return {"ok": not self.problems, **asdict(self)}


@click.command(short_help="Check the configuration and the templates.")
@config_option
@click.option("--live", is_flag=True,
              help="Also check Slack, the mail server, Redis and the platform. No messages are sent.")  # fmt: skip
@json_option
def check(config: Path, *, live: bool, as_json: bool) -> None:
    """Check the configuration, and the templates in every language and channel, before relay uses them.

    Exit status 1 if there is an error; warnings alone give 0.
    """
    report = Report(str(config))
    try:
        _check(report, config, live=live)
    except ConfigError as error:
        report.problems += error.problems
    if as_json:
        click.echo(json.dumps(report.facts(), ensure_ascii=False, indent=2))
    else:
        _print(report)
    if report.problems:
        raise SystemExit(1)


def _check(report: Report, path: Path, *, live: bool) -> None:
    from relay.channels import CHANNELS  # noqa: PLC0415
    from relay.coordinator import build_renderer, build_sealer  # noqa: PLC0415 - `relay --help` needs none of relay's parts
    from relay.rendering.checks import problems as template_problems  # noqa: PLC0415

    config = load(path, env=os.environ, channels=CHANNELS)
    report.warnings += [*config.warnings, *_without_unsubscribing(config), *_without_buttons(config)]
    report.warnings += [*_without_a_server(config), *_without_links(config), *_without_hosts(config)]
    report.summary = _summary(config)
    try:
        build_sealer(config)
    except ConfigError as error:
        report.problems += error.problems
    try:
        renderer = build_renderer(config)
        report.problems += [Problem("templates", fault) for fault in template_problems(renderer.renderer)]
        report.summary["templates"] = [
            f"in {', '.join(renderer.languages)}, for {', '.join(config.channels) or 'no channel'}"
        ]
    except TemplateError as error:
        report.problems.append(Problem("templates", str(error)))
    if live:
        from relay.cli.check_live import ask_everyone  # noqa: PLC0415

        document = read(path.read_text("utf-8-sig"), file=str(path), env=os.environ)  # knows the lines
        before = len(document.warnings)
        problems, report.live = asyncio.run(ask_everyone(config, document))
        report.problems += problems
        report.warnings += document.warnings[before:]


def _without_unsubscribing(config: Config) -> Iterator[Problem]:
    """Why the readers of mails cannot end them by one click."""
    from relay.channels import CHANNELS  # noqa: PLC0415

    address = urlsplit(config.server.public_url)
    channels = {CHANNELS[destination.channel] for destination in config.destinations.values()}
    if not any(getattr(channel, "unsubscribes", False) for channel in channels):
        return
    if not address.hostname:
        text = "empty, so mails have no unsubscribe link; expected how the outside reaches relay, https://…"
        yield Problem("server.public_url", text)
    elif address.scheme != "https" and address.hostname not in ("localhost", "127.0.0.1"):
        yield Problem("server.public_url", "mail programs offer to unsubscribe by one click for https addresses alone")


def _without_links(config: Config) -> Iterator[Problem]:
    """Why messages lead nowhere: the platform's API is for programs, and where people look it does not say."""
    if not config.platform.links.operation and config.destinations:
        text = "empty, so messages have no link for people, unless the platform names a page in trackingUrl; expected"
        yield Problem("platform.links.operation", f"{text} where people look, such as {EXAMPLE}")


def _without_hosts(config: Config) -> Iterator[Problem]:
    """Why links may lead anywhere: whoever may send events may send people there, in relay's name."""
    if config.platform.hosts.shown and config.destinations:
        text = "empty, and so are base_url and links: messages link to any host that an event names, and show it beside"
        yield Problem("platform.link_hosts", f"{text} the link; expected the hosts that are right, or '*'")


def _without_a_server(config: Config) -> Iterator[Problem]:
    """A private Redis is wanted, and this machine has none to start. The file may be meant for another one."""
    from relay.store.embedded.server import find_server  # noqa: PLC0415

    try:
        if not config.redis.url:
            find_server(os.environ.get("RELAY_REDIS_SERVER", ""))
    except EmbeddedRedisError as error:
        yield Problem("redis.url", str(error))


def _without_buttons(config: Config) -> Iterator[Problem]:
    """Report buttons that are configured but cannot work, and what they lack."""
    from relay.channels.slack.settings import SlackSettings  # noqa: PLC0415
    from relay.interactivity.buttons import CHANNEL, enabled_actions  # noqa: PLC0415

    settings = config.channels.get(CHANNEL)
    if not isinstance(settings, SlackSettings):
        return
    if settings.interactivity == "off":
        if settings.actions.model_fields_set:
            yield Problem("channels.slack.interactivity", "off, so there are no buttons, whatever actions says")
        return
    lacking = [action for action in ("retry", "cancel") if getattr(settings.actions, action)]
    if lacking and not enabled_actions(config).keys() & {*lacking}:
        missing = [key for key in ("base_url", "tenant", "project") if not getattr(config.platform, key)]
        yield Problem("platform", f"{' and '.join(lacking)} need {', '.join(missing)}, so nobody gets these buttons")
    elif lacking and not config.platform.token.get_secret_value():
        yield Problem("platform.token", f"empty; does the platform take a {' or a '.join(lacking)} without one?")


def _buttons(config: Config) -> dict[str, list[str]]:
    """The buttons in Slack, who may press them, and what has to be written down at Slack for that."""
    from relay.channels.slack.authority import kind_of  # noqa: PLC0415
    from relay.interactivity.buttons import enabled_actions, press_transport  # noqa: PLC0415
    from relay.interactivity.endpoint import PATH  # noqa: PLC0415

    may = enabled_actions(config)
    lines = [f"{action}: {', '.join(names)}" for action, names in may.items()]
    if handles := dict.fromkeys(name for names in may.values() for name in names if kind_of(name) == "handle"):
        lines.append(f"{', '.join(handles)} must be user groups in Slack: --live asks")
    if press_transport(config) == "socket":
        return {"buttons": [*lines, "presses come by a connection that relay opens to Slack (Socket Mode)"]}
    outside = config.server.public_url.rstrip("/") or "https://HOW-THE-OUTSIDE-REACHES-RELAY"
    request_url = f"in Slack, Interactivity & Shortcuts, Request URL: {outside}{PATH}"
    return {"buttons": [*lines, request_url]} if lines else {}


def _summary(config: Config) -> dict[str, list[str]]:
    """The configuration in words, a line for each thing, without a secret."""
    return {
        "listens": _listens(config.server),
        "redis": [f"{_redis(config)}{_sealed(config)}"],
        "sources": [
            f"/webhooks/{name}: {source.signature.scheme} {', '.join(source.signature.secrets)}".rstrip()
            for name, source in config.sources.items()
        ],
        "destinations": [
            f"{name}: {destination.channel}, {destination.mode}: {', '.join(destination.addresses)}"
            for name, destination in config.destinations.items()
        ],
        **({"operators": [", ".join(config.operators)]} if config.operators else {}),
        **_dynamic(config.dynamic_destinations),
        **_buttons(config),
        "links": [_links(config.platform.hosts)],
        "rules": [f"{rule.name} → {', '.join(rule.notify)}" for rule in config.rules],
    }


def _listens(server: Server) -> list[str]:
    """Return where the world reaches relay, and where its operators do."""
    admin = server.admin
    token = bool(admin.token.get_secret_value())
    certificates = bool(admin.tls and admin.tls.client_ca)
    shown = " and ".join(name for name, needed in (("the token", token), ("a certificate", certificates)) if needed)
    spoken = {section: "with TLS" for section, tls in (("world", server.tls), ("operators", admin.tls)) if tls}
    world = [f"{server.host}:{server.port}", spoken.get("world", ""), server.public_url]
    port = server.admin_port or "any free port"
    operators = [
        f"{admin.host}:{port}",
        spoken.get("operators", ""),
        "for operators",
        f"who show {shown}" if shown else "",
    ]
    return [" ".join(filter(None, words)) for words in (world, operators)]


def _links(hosts: LinkHosts) -> str:
    return f"to {', '.join(hosts.names)}, and what is below" if hosts.names else "to any host"


def _sealed(config: Config) -> str:
    return f", sealed with {', '.join(config.redis.encryption_key)}" if config.redis.encryption_key else ""


def _redis(config: Config) -> str:
    if not config.redis.url:
        return f"a private one under {config.data_dir}"
    several = {
        "+sentinel://": "the primary that the Sentinels at redis.url name",
        "+cluster://": "the Cluster of the nodes at redis.url",
    }
    return next((words for mark, words in several.items() if mark in config.redis.url), "the one at redis.url")


def _dynamic(allowed: DynamicDestinations | None) -> dict[str, list[str]]:
    """Return whom operations may ask relay to notify."""
    if allowed is None:
        return {}
    lines = {"e-mail at": allowed.email_domains, "slack": allowed.slack, "calling": allowed.mention or ()}
    limit = allowed.message_limit
    most = f"at most {limit.count} in {spoken(limit.per)} to each address" if limit else "as many as they ask for"
    return {"dynamic": [*(f"{kind} {', '.join(names)}" for kind, names in lines.items() if names), most]}


def _print(report: Report) -> None:
    console = screen(soft_wrap=True)
    sections = report.summary | {f"{name} says": [answer] for name, answer in report.live.items()}
    width = max([14, *map(len, sections)])
    for name, lines in sections.items():
        for label, line in zip((name, *[""] * len(lines)), lines, strict=False):
            console.print(Text(f"{label:<{width}}", "bold"), Text(visible(line)))
    for colour, faults in (("yellow", report.warnings), ("red", report.problems)):
        kind = "warning: " if faults is report.warnings else ""
        for problem in faults:
            console.print(Text(kind + visible(str(ConfigError([problem], report.file))), colour))
    verdict = ("red", f"{len(report.problems)} problems") if report.problems else ("green", "OK")
    console.print(Text(f"{report.file}: {verdict[1]}".replace("1 problems", "1 problem"), verdict[0]))
