"""relay test-send: a real message to one destination, marked as a test, and what the other side answered."""

import asyncio
import contextlib
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from relay.channels import CHANNELS
from relay.cli.actor import actor
from relay.cli.formatting import print_json
from relay.cli.logs import configure
from relay.cli.options import config_option, json_option, refuse, visible
from relay.config import Config, load
from relay.configfile.validation import suggest
from relay.coordinator import build_channels, build_renderer, build_sealer
from relay.errors import RelayError
from relay.operating.example_events import WrongEvent
from relay.operating.test_message import Trial, send_test
from relay.policy.destinations import Destination
from relay.rendering.notices import TEST_NOTE
from relay.store.audit import COMMAND, Act, AuditTrail
from relay.store.client import connect
from relay.store.embedded.server import running_url

PATIENCE = 60.0  # seconds for each address
STORE_WITHIN = 2.0  # seconds for the store to write down that there was a test


@click.command("test-send", short_help="Send a destination a message that is marked as a test.")
@click.argument("name", metavar="DESTINATION")
@click.option("--event", default="", metavar="NAME",
              help="What it tells of, for instance operation.failed or batch.completed; else operation.completed, "
                   "and a digest where DESTINATION gets digests.")  # fmt: skip
@config_option
@json_option
def test_send(name: str, event: str, config: Path, *, as_json: bool) -> None:
    """Send every address of DESTINATION one real message, marked as a test, with the configuration's own channel,
    templates and language, and say what the other side answered: Slack's permalink, or the mail server's answer.

    Nobody is called in it, no rule and no quiet hours are asked, and no running relay is needed: where one runs, all
    that is stored is that there was a test (`relay audit`). A mail server's yes says that it has the mail, not that it
    came.

    Leaves with 0 if each address was reached, with 1 if one was not, with the reason and what to do.
    """
    configure(machine=False, level="warning")
    try:
        settings = load(config, env=os.environ, channels=CHANNELS)
    except RelayError as error:
        refuse(error)
    if name not in settings.destinations:
        problem = f"there is no destination {name}; {suggest(name, settings.destinations)}"
        raise click.BadParameter(problem, param_hint="DESTINATION")
    try:
        trial = asyncio.run(_audited(settings, settings.destinations[name], event))
    except WrongEvent as error:
        raise click.BadParameter(str(error), param_hint="--event") from None
    except (RelayError, OSError) as error:
        refuse(error)
    if as_json:
        print_json(asdict(trial))
    else:
        _print(trial)
    if trial.reached < len(trial.sent):
        raise SystemExit(1)


async def _audited(config: Config, destination: Destination, event: str) -> Trial:
    """Written down where a relay with this configuration has its store; a test needs none, so it waits for none."""
    who, more = actor(os.environ)
    act, first, redis, trail = Act(who, "test-send", destination.name, more), "", None, None
    with contextlib.suppress(RelayError, TimeoutError):
        async with asyncio.timeout(STORE_WITHIN):
            if url := config.redis.url or await running_url(config.data_dir):
                redis = connect(url)
                trail = AuditTrail(redis, build_sealer(config), via=COMMAND)
                first = await trail.begin(act)
    try:
        trial = await _test(config, destination, event)
        act.outcome = trial.outcome
        return trial
    finally:
        act.outcome = act.outcome or "failed"
        if redis:
            if trail and first:
                await trail.end(first, act)
            await redis.aclose()


async def _test(config: Config, destination: Destination, event: str) -> Trial:
    renderer = build_renderer(config)
    channels = {key: channel for key, channel in build_channels(config).items() if key == destination.channel}
    try:
        channel, now = channels[destination.channel], datetime.now(UTC)
        return await send_test(
            destination, config, channel, renderer, note=TEST_NOTE, now=now, patience=PATIENCE, event=event
        )
    finally:
        await renderer.aclose()
        for channel in channels.values():
            await channel.aclose()


def _print(trial: Trial) -> None:
    for row in trial.sent:
        click.echo(visible(f"{row.address}: {row.error or row.answer}"), err=bool(row.error))
    if trial.fault:
        click.echo(visible(f"a template failed, so this is relay's own wording: {trial.fault}"), err=True)
