"""Permissions of each configured source, by its settings and by the other sources. Pure."""

from collections.abc import Iterator, Mapping

from relay.configfile.document import KeyPath
from relay.domain.identity import known_events
from relay.domain.permissions import Permissions
from relay.receiving.schemes import SCHEMES
from relay.receiving.sources import Source

BEARERS = frozenset({"token", "basic", "oidc"})  # who has what they carry may say all that the source may
UNSIGNED = BEARERS | {"none"}  # nothing ties the body to whoever may send it
# What the callbacks of the API tell of, each named by the event that it is made for: there are three, for six events.
# A cancellation goes to onError, for whoever waits for a completion must not take it for one.
CALLBACKS: Mapping[str, tuple[str, ...]] = {
    "operation.progress": ("operation.started", "operation.progress", "operation.phase.completed"),
    "operation.failed": ("operation.failed", "operation.cancelled"),
}
TOKENS_ALONE = (
    "no signed source of its platform is configured, so whoever has its token says which operations there are, what "
    "they are called and where links lead"
)
UNNAMED = (
    "it names no platform, and other sources do: what it tells of may be taken for an operation of a named one "
    "that has the same id; name each"
)


def source_permissions(sources: Mapping[str, Source]) -> dict[str, Permissions | None]:
    """Return the permissions by source; None for one that may report everything."""
    signed = {source.platform for source in sources.values() if _begins_by_itself(source)}
    return {name: _permissions(name, source, signed=source.platform in signed) for name, source in sources.items()}


def _begins_by_itself(source: Source) -> bool:
    return source.signature.scheme not in UNSIGNED and source.may_begin_operations is not False


def _permissions(name: str, source: Source, *, signed: bool) -> Permissions | None:
    token = source.signature.scheme in BEARERS
    begins, recipients = source.may_begin_operations, source.may_name_recipients
    permissions = Permissions(
        name,
        _events(source, token=token),
        frozenset(source.tenants),
        frozenset(source.projects),
        recipients=not token if recipients is None else recipients,
        begins=not (token and signed) if begins is None else begins,
    )
    return None if permissions == Permissions(name) else permissions


def _events(source: Source, *, token: bool) -> frozenset[str] | None:
    if source.events is not None:
        return frozenset(name for pattern in source.events for name in (pattern, *known_events(pattern)))
    return frozenset(CALLBACKS.get(source.event, (source.event,))) if token and source.event else None


def warnings(sources: Mapping[str, Source]) -> Iterator[tuple[KeyPath, str]]:
    """Warn of permissions that leave too much open or make something impossible, and of settings without effect."""
    signed = {source.platform for source in sources.values() if _begins_by_itself(source)}
    beginning = {
        sources[name].platform
        for name, permissions in source_permissions(sources).items()
        if permissions is None or permissions.begins
    }
    unnamed = [name for name, source in sources.items() if not source.platform]
    if 0 < len(unnamed) < len(sources):
        yield ("sources", unnamed[0]), UNNAMED
    for name, source in sources.items():
        path: KeyPath = ("sources", name)
        scheme = SCHEMES[source.signature.scheme]
        alone = source.signature.scheme in BEARERS and source.platform not in signed and not source.format
        if alone and source.may_begin_operations is None:
            yield path, TOKENS_ALONE
        if source.platform not in beginning:
            yield (*path, "may_begin_operations"), "no source of its platform may begin operations: all are refused"
        if scheme.dated and "max_age" in source.model_fields_set:
            yield (*path, "max_age"), "without effect: the scheme signs a time, and signature.tolerance says how old"
