"""What the commands share that call the platform: where it is, a client for it, and what is asked and answered."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pydantic import ValidationError

from relay.cli.formatting import print_json
from relay.cli.options import ConfigFile, refuse, visible
from relay.errors import ConfigError, PlatformError, RelayError
from relay.platform import OperationsClient
from relay.platform.models import ApiDocument

if TYPE_CHECKING:
    from relay.config import Config

Kind = TypeVar("Kind", bound=ApiDocument)


@dataclass(frozen=True)
class Connection:
    """Which project of which platform, and what opens it, as far as it was named; the configuration says the rest."""

    config: Path
    base_url: str
    tenant: str
    project: str
    token: str

    def client(self) -> OperationsClient:
        """ConfigError if the configuration is needed and cannot be used."""
        connection = self if self.base_url and self.tenant and self.project else self._filled()
        return OperationsClient(
            connection.base_url, tenant=connection.tenant, project=connection.project, token=connection.token
        )

    def zone(self) -> str:
        """The time zone of the configuration; '' where there is none, for whoever names a platform needs no other."""
        try:
            return self._configuration().timezone
        except ConfigError:
            return ""

    def _configuration(self) -> "Config":
        from relay.channels import CHANNELS  # noqa: PLC0415 - whoever names the platform needs none of their libraries
        from relay.config import load  # noqa: PLC0415

        return load(self.config, env=os.environ, channels=CHANNELS)

    def _filled(self) -> "Connection":
        try:
            ConfigFile().convert(self.config, None, None)
        except click.BadParameter as error:  # as of commands that always need it
            error.param_hint = "'-c' / '--config'"
            raise
        platform = self._configuration().platform
        connection = Connection(
            self.config,
            self.base_url or platform.base_url,
            self.tenant or platform.tenant,
            self.project or platform.project,
            self.token or platform.token.get_secret_value(),
        )
        for key in ("base_url", "tenant", "project"):
            if not getattr(connection, key):
                option = f"--{key.replace('_', '-')}"
                raise click.UsageError(f"{self.config} has no platform.{key}: set it there, or say {option}")
        return connection


def with_client(connection: Connection, work: Callable[[OperationsClient], Awaitable[None]]) -> None:
    async def call() -> None:
        async with connection.client() as client:
            await work(client)

    try:
        asyncio.run(call())
    except (PlatformError, ConfigError) as error:
        refuse(error)


def print_answer(answer: Kind, shown: str | Callable[[Kind], None], *, as_json: bool) -> None:
    """The answer as JSON, or as people read it: this text, or what `shown` prints.

    It comes from another side: nothing in it steers a terminal.
    """
    if as_json:
        print_json(answer.sent())
    elif isinstance(shown, str):
        click.echo(visible(shown))
    else:
        shown(answer)


def json_object(text: bytes, where: str) -> dict[str, Any]:
    """The JSON object that somebody wrote `where`; BadParameter for anything else."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint=where) from None
    if not isinstance(value, dict):
        raise click.BadParameter("expected a JSON object", param_hint=where)
    return value


def request_of(kind: type[Kind], document: dict[str, Any]) -> Kind:
    """The request that `document` is; leaves with 1 and what is wrong with it."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        refuse(RelayError("\n".join(faults)))
