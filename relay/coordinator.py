"""The current configuration, and what is made of it: templates and channels. A reload exchanges them.

A file is taken whole or not at all, so a bad one changes nothing. What is being sent with the old settings ends as it
began: old channels are closed when relay stops.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from relay.channels import CHANNELS, Channel
from relay.config import Config, digest_of, load
from relay.errors import ConfigError, Problem, TemplateError
from relay.interactivity.buttons import press_transport
from relay.rendering import Brand, IsolatedRenderer, RenderOptions
from relay.resources import resource_dir

log = structlog.get_logger(__name__)

NEEDS_RESTART = ("server", "redis", "data_dir")
CLOSING_TIME = 2.0  # seconds for connections to others to be closed in good order


def build_renderer(config: Config) -> IsolatedRenderer:
    """The user's templates before the built-in ones. Raises TemplateError."""
    custom = [config.templates] if config.templates else []
    platform = config.platform
    brand = Brand(**config.brand.model_dump())
    options = RenderOptions(platform.base_url, hosts=config.link_hosts, links=config.link_templates, brand=brand)
    return IsolatedRenderer([*custom, resource_dir("templates")], options)


def build_channels(config: Config) -> dict[str, Channel]:
    return {name: CHANNELS[name](settings) for name, settings in config.channels.items()}


@dataclass(frozen=True)
class Reload:
    """One reading of the configuration while relay runs, with the digests of the files."""

    before: str
    after: str
    refusal: str = ""  # why nothing changed, '' if it was taken
    needs_restart: Sequence[str] = ()  # keys that stay as they were until relay starts again
    by: Mapping[str, str] = field(default_factory=dict)  # who asked for it, and how; empty for a signal


class Coordinator:
    """`config()` and `renderer()` are the current ones: ask each time they are needed. `channels` is one dict for
    good, changed in place.

    Raises ConfigError, or TemplateError, if there is nothing to start with.
    """

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        self._path = path
        self._env = env
        self._subscribers: list[Callable[[], None]] = []
        self.record: Callable[[Reload], None] = lambda reload: None  # noqa: ARG005 - until they are written down
        self._retired: list[Channel] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._config = load(path, env=env, channels=CHANNELS)
        self._started = self._config  # whose NEEDS_RESTART are in use
        self._renderer = build_renderer(self._config)
        self.channels: Final[dict[str, Channel]] = {}

    def config(self) -> Config:
        return self._config

    def renderer(self) -> IsolatedRenderer:
        return self._renderer

    def log_warnings(self, reported: Iterable[Problem] = ()) -> None:
        """Log what in the file works, but probably not as it was meant, but for what is known."""
        logged = {(warning.path, warning.message) for warning in reported}
        for warning in self._config.warnings:
            if (warning.path, warning.message) in logged:
                continue
            log.warning("config.warned", line=warning.line, key=warning.path, warning=warning.message)
        if self._config.templates:
            self._closing.add(asyncio.create_task(self._try_templates(self._renderer, self._config)))

    async def _try_templates(self, renderer: IsolatedRenderer, config: Config) -> None:
        """Log and show the user's templates that `relay check` refuses: relay's own wording takes their place."""
        from relay.rendering.checks import file_of, problems  # noqa: PLC0415 - a relay without templates needs none of it

        for fault in await asyncio.to_thread(lambda: problems(build_renderer(config).renderer)):
            log.warning("config.warned", line=None, key="templates", warning=fault)
            renderer.faults.setdefault(file_of(fault)[0], fault)

    def open_channels(self, internal: Mapping[str, Any]) -> None:
        """Make the channels: the configured ones, and these, which relay has for itself."""
        self.channels.update({**build_channels(self._config), **internal})

    def subscribe(self, *subscribers: Callable[[], None]) -> None:
        """Call these after each reload that was not refused."""
        self._subscribers += subscribers

    def reload(self, **by: str) -> Reload:
        """Read the configuration again. A bad file changes nothing; what is being sent is not disturbed."""
        before = self._config.digest
        try:
            fresh = load(self._path, env=self._env, channels=CHANNELS)
            self._refuse_new_channels(fresh)
            renderer = build_renderer(fresh)
        except (ConfigError, TemplateError) as error:
            log.error("config.refused", reason=str(error))
            refused = Reload(before, digest_of(self._path), str(error), by=by)
            self.record(refused)
            return refused
        taken = Reload(before, fresh.digest, needs_restart=self._needing_restart(fresh), by=by)
        self.record(taken)
        for key in taken.needs_restart:
            log.warning("config.needs_restart", key=key)
        for name, settings in fresh.channels.items():
            if settings != self._config.channels.get(name):
                self._retired.append(self.channels[name])  # it may be sending: closed when relay stops
                self.channels[name] = CHANNELS[name](settings)
        self._closing.add(asyncio.create_task(self._renderer.aclose()))  # after what it has been asked for
        warnings, self._config, self._renderer = self._config.warnings, fresh, renderer
        for subscriber in self._subscribers:
            subscriber()
        self.log_warnings(warnings)
        log.info("config.reloaded", rules=len(fresh.rules), destinations=len(fresh.destinations), config=fresh.digest)
        return taken

    def template_faults(self) -> dict[str, str]:
        """Return the user's templates that are not in use because they failed, as notices for operators."""
        return {
            f"template:{file}": f"failed, so relay's own wording is shown: {fault}"
            for file, fault in self._renderer.faults.items()
        }

    async def aclose(self) -> None:
        """Close the channels' connections and the renderers."""
        closing = {asyncio.create_task(channel.aclose()) for channel in (*self.channels.values(), *self._retired)}
        closing |= {asyncio.create_task(self._renderer.aclose()), *self._closing}
        _, late = await asyncio.wait(closing, timeout=CLOSING_TIME)
        for task in late:
            task.cancel()
        await asyncio.wait(closing)

    def _refuse_new_channels(self, fresh: Config) -> None:
        new = sorted(set(fresh.channels) - set(self.channels))
        if new:
            raise ConfigError([Problem(f"channels.{name}", "a channel's first use needs a restart") for name in new])

    def _needing_restart(self, fresh: Config) -> list[str]:
        """The keys that stay as they were at the start until relay starts again."""
        keys = [name for name in NEEDS_RESTART if getattr(fresh, name) != getattr(self._started, name)]
        if press_transport(fresh) == "http" != press_transport(self._config):
            keys.append("channels.slack.interactivity")  # its address is not served yet
        return keys
