"""relay check: the configuration and its templates; with --live, also the other sides."""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
from rich.text import Text

from relay.channels import CHANNELS, templates_of
from relay.channels.slack.authority import kind_of
from relay.cli.options import config_option, json_option, print_json, visible
from relay.cli.screen import console as screen
from relay.config import Config, load
from relay.configfile.document import read
from relay.configfile.units import spoken
from relay.errors import ConfigError, EmbeddedRedisError, Problem, TemplateError
from relay.interactivity.buttons import PATH, enabled_actions, press_transport, pressers
from relay.policy.presentation import OWNER, by_outcome
from relay.rendering.translations import languages
from relay.resources import resource_dir

SECRETS = ("token", "password", "client_secret")


@dataclass
class Report:
    """The findings. The configuration is right if there are no problems; warnings do not count."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    summary: dict[str, list[str]] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)


@click.command()
@config_option
@click.argument("file", required=False)
@click.option("--live", is_flag=True,
              help="Also ask channels, Redis, the platform and issuers of `oidc`. No messages are sent.")  # fmt: skip
@json_option
def check(config: Path, file: str | None, *, live: bool, as_json: bool) -> None:
    """Check the configuration, and the templates in every language and channel, before relay uses them.

    Exit status 1 if there is an error; warnings alone give 0.
    """
    if file:
        raise click.UsageError(f"name the file by -c: relay check -c {file}")
    report = Report(str(config))
    try:
        _check(report, config, live=live)
    except ConfigError as error:
        report.problems += error.problems
    with contextlib.suppress(ConfigError, OSError, UnicodeDecodeError):  # which was reported
        report.warnings += clear_text(config)
    if as_json:
        print_json({"ok": not report.problems, **asdict(report)})
    else:
        _print(report)
    if report.problems:
        raise SystemExit(1)


def _check(report: Report, path: Path, *, live: bool) -> None:
    config = load(path, env=os.environ, channels=CHANNELS)
    report.warnings += config.warnings
    report.summary = _summary(config)
    if not config.redis.url:
        _find_redis(report)
    if config.templates:
        _try_templates(report, config)
    if live:
        from relay.cli.check_live import ask_everyone  # noqa: PLC0415 - it brings the store and all libraries

        document = read(path.read_text("utf-8-sig"), file=str(path), env=os.environ)  # knows the lines
        before = len(document.warnings)
        problems, report.live = asyncio.run(ask_everyone(config, document))
        report.problems += problems
        report.warnings += document.warnings[before:]


def _find_redis(report: Report) -> None:
    """Warn if there is no server to start: the file may be meant for another machine."""
    from relay.store.embedded.binary import find_server  # noqa: PLC0415 - not with a Redis of one's own

    try:
        find_server(os.environ.get("RELAY_REDIS_SERVER", ""))
    except EmbeddedRedisError as error:
        report.warnings.append(Problem("redis.url", str(error)))


def _try_templates(report: Report, config: Config) -> None:
    """Render every message that a template of the operator's has a part in."""
    from relay.coordinator import build_renderer  # noqa: PLC0415 - few have templates of their own
    from relay.rendering.checks import problems  # noqa: PLC0415

    try:
        renderer = build_renderer(config).renderer
        own = problems(renderer, concerns=lambda case: bool(renderer.library.overriding_file(*case.request)))
        report.problems += [Problem("templates", fault) for fault in own]
    except TemplateError as error:
        report.problems.append(Problem("templates", str(error)))


def clear_text(file: Path) -> list[Problem]:
    """Warn of secrets that the file has in clear text."""
    document = read(file.read_text("utf-8-sig"), file=str(file), env=os.environ, needed=())
    for path in document.literal:
        if path[-1] in SECRETS or path[-2:-1] == ("secrets",):
            text = "is in clear text; expected a variable such as ${WEBHOOK_SECRET}, or file:/run/secrets/name"
            document.warn(path, text)
    return document.warnings


def _summary(config: Config) -> dict[str, list[str]]:
    """Return in words who sends, who is notified of what and what is expected, a line for each, without a secret."""
    expected = config.watchdog.expect if config.watchdog else ()
    limit = config.watchdog.late if config.watchdog else None
    folders = ", ".join(dict.fromkeys(filter(None, map(templates_of, config.channels))))
    in_languages = ", ".join(languages([*([config.templates] if config.templates else []), resource_dir("templates")]))
    late = f"; late after {spoken(limit)} without limit, estimate or history" if limit else "; never late"
    return {
        "sources": [
            f"/webhooks/{name}: {source.signature.scheme} {', '.join(source.signature.secrets)}".rstrip() + late
            for name, source in config.sources.items()
        ],
        "destinations": [
            f"{name}: {destination.channel}, {destination.mode}: {', '.join(destination.addresses)}"
            for name, destination in config.destinations.items()
        ],
        "rules": [f"{rule.name} → {', '.join(rule.notify)}" for rule in config.rules],
        "calls": [*_calls(config)],
        "buttons": _buttons(config),
        "expects": [f"{its.job}: next {its.next(time.time(), config.timezone):%Y-%m-%d %H:%M %Z}" for its in expected],
        "templates": [f"in {in_languages}, for {folders or 'no channel'}"],
    }


def _calls(config: Config) -> Iterator[str]:
    """List the outcomes that mention no one, or the owner of the run alone, at each destination with mentions."""
    for name, destination in config.destinations.items():
        if getattr(CHANNELS[destination.channel], "calls", True) and destination.mode != "digest":
            mentioned = by_outcome(destination.mention)
            for who, people in (("no one", ()), ("only the owner, no one without,", (OWNER,))):
                if outcomes := [outcome for outcome, names in mentioned.items() if names == people]:
                    yield f"{name}: {who} for {', '.join(outcomes)}"


def _buttons(config: Config) -> list[str]:
    """Return the buttons in Slack, who may press them, and what to set up at Slack."""
    allowed = enabled_actions(config)
    lines = [f"{action}: {', '.join(names)}" for action, names in allowed.items()]
    if handles := [name for name in pressers(config) if kind_of(name) == "handle"]:
        lines.append(f"{', '.join(handles)} must be user groups in Slack: --live asks")
    if press_transport(config) == "socket":
        return [*lines, "presses come by a connection that relay opens to Slack (Socket Mode)"]
    outside = config.server.public_url.rstrip("/") or "https://HOW-THE-OUTSIDE-REACHES-RELAY"
    return [*lines, f"in Slack, Interactivity & Shortcuts, Request URL: {outside}{PATH}"] if lines else []


def _print(report: Report) -> None:
    console = screen(soft_wrap=True)
    sections = report.summary | {f"{name} says": [answer] for name, answer in report.live.items()}
    width = max([14, *map(len, sections)])
    for name, lines in sections.items():
        for label, line in zip((name, *[""] * len(lines)), lines, strict=False):
            console.print(Text(f"{label:<{width}}", "bold"), Text(visible(line)))
    for colour, kind, faults in (("yellow", "warning: ", report.warnings), ("red", "", report.problems)):
        for problem in faults:
            console.print(Text(kind + visible(str(ConfigError([problem], report.file))), colour))
    count = len(report.problems)
    verdict = ("red", f"{count} problem{'s' * (count > 1)}") if count else ("green", "OK")
    console.print(Text(f"{report.file}: {verdict[1]}", verdict[0]))
