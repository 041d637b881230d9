"""Formats of the configuration and the presets, for the sources that name them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from relay.config.people import may_call
from relay.config.schema import Config
from relay.configfile.document import Document
from relay.configfile.words import suggest
from relay.domain.links import ANY
from relay.formats import ping, presets
from relay.formats.compiling import compile_format
from relay.formats.faults import FormatError
from relay.formats.mapping import Format

UNSIGNED_ADDRESS = "expected token: no signature covers an address, and other sites' pages could send none and basic"
REPEATED = 'nothing tells runs of one id apart, so a second failure is a repetition; add at, or "{id}/{start}"'
PRESETS = Path(presets.__file__).parent


def preset_names() -> list[str]:
    return sorted(file.stem for file in PRESETS.glob("*.yaml"))


@cache
def preset(name: str) -> Format:
    """Return the preset of this name, which is there."""
    return compile_format(_texts(YAML(typ="safe", pure=True).load((PRESETS / f"{name}.yaml").read_text("utf-8"))))


def _texts(raw: Any) -> Any:
    """Return all scalars as the configuration has them: as text."""
    if isinstance(raw, Mapping):
        return {str(key): _texts(value) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_texts(value) for value in raw]
    return f"{raw}".lower() if isinstance(raw, bool) else f"{raw}"


def separate_platforms(document: Document) -> None:
    """Give each source with a format a platform of its own: ids of several senders are not one name space."""
    sources = document.data.get("sources")
    for name, source in sources.items() if isinstance(sources, dict) else ():
        if isinstance(source, dict) and source.get("format") and "platform" not in source:
            source["platform"] = name


def _compiled(config: Config, document: Document) -> dict[str, Format]:
    compiled: dict[str, Format] = {}
    for name, spec in config.formats.items():
        if name == ping.NAME:
            document.report(("formats", name), "relay's own, for jobs that ping; choose another name")
        try:
            compiled[name] = compile_format(spec)
        except FormatError as error:
            document.report(("formats", name, *error.path), f"{error}")
            continue
        for case in compiled[name].cases:
            if case.repeats_runs:
                document.warn(("formats", name, *case.place, "run"), REPEATED)
    return compiled


def bind_formats(config: Config, document: Document) -> None:
    """Compile the formats, and give each source the one that it names. Faults are reported to the document."""
    compiled = _compiled(config, document)
    names = {*preset_names(), *config.formats, ping.NAME}
    for name, source in config.sources.items():
        if source.keep_bodies is not None and source.format in ("", ping.NAME):
            document.report(("sources", name, "keep_bodies"), "without effect: only sources with a format keep bodies")
        if source.catch_up and source.format not in ("github-actions", *config.formats):
            text = "only GitHub redelivers; expected format: github-actions, or one of your own"
            document.report(("sources", name, "catch_up"), text)
        if not source.format or source.format in config.formats.keys() - compiled.keys():
            continue
        if source.format not in names:
            document.report(
                ("sources", name, "format"), f"there is no format {source.format}; {suggest(source.format, names)}"
            )
            continue
        if source.event:
            document.report(("sources", name, "event"), "without effect: `format` names the events; remove it")
        if source.format == ping.NAME:  # its addresses say it all
            if source.signature.scheme != "token":
                document.report(("sources", name, "signature", "scheme"), UNSIGNED_ADDRESS)
            continue
        _bind(name, compiled.get(source.format) or preset(source.format), config, document)
    _check_envelopes(config, document)


def _check_envelopes(config: Config, document: Document) -> None:
    for name, source in config.sources.items():
        unread = not source.format or (source.reader and "sns" not in source.reader.unwrap)
        if source.signature.scheme == "sns" and unread:
            document.report(
                ("sources", name, "format"),
                "the documents of SNS are in an envelope; expected aws-eventbridge, or a format with unwrap: [sns]",
            )


def _bind(name: str, reader: Format, config: Config, document: Document) -> None:
    """Give a source its format, with the hosts that links may lead to and the people whom it may call."""
    source = config.sources[name]
    if (proof := source.signature.header or source.signature.rules.header).lower() in reader.headers:
        text = f"reads $header.{proof}, which proves who sends and would be kept; expected a format that does not"
        document.report(("sources", name, "format"), text)
    hosts = (*reader.hosts, *config.platform.hosts.names, *({ANY} & {*config.platform.link_hosts}))
    contacts = {login: person.contact for login, person in config.people.items()} if may_call(source) else {}
    source.read_with(reader, hosts, contacts)
    if reader.links and not source.hosts:
        text = "not set, so messages do not link to its runs; expected the host of its pages"
        document.warn(("sources", name, "link_hosts"), text)
