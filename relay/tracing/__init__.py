"""One trace from the sender's `traceparent` through accept to each attempt, if a collector is named in the environment.

The environment's standard names decide (OTEL_*). Where they name no collector nothing of OpenTelemetry is imported, and
who would make spans has None instead of `Spans`.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

__all__ = ["Accepting", "Spans", "open_tracing"]

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"
EXPORTERS = "OTEL_TRACES_EXPORTER"
OWN = "otlp"  # of the names allowed there
NO_EXPORTER = ["none"]
EXPORTER = "opentelemetry.exporter.otlp.proto.http"

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from relay.tracing.spans import Accepting, Spans
else:  # OpenTelemetry is not imported without a collector
    Accepting = Spans = object


def open_tracing(env: Mapping[str, str]) -> Spans | None:
    """Open what this environment asks for; None where it names no collector, or one that cannot be used."""
    off = env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or _exporters(env) == NO_EXPORTER
    if off or not any(map(env.get, ENDPOINTS)):
        return None
    if why := _obstacle(env):
        log.warning("tracing.off", reason=why)
        return None
    from relay.tracing.spans import Spans  # noqa: PLC0415 - imported for it alone

    try:
        return Spans.of_environment(env)
    except Exception as error:  # noqa: BLE001 - whatever the libraries refuse, messages go out without spans
        log.warning("tracing.off", reason=f"OpenTelemetry refuses an OTEL_ variable: {error}")
        return None


def _exporters(env: Mapping[str, str]) -> list[str]:
    """Return the exporters asked for; an empty variable counts as unset."""
    return [name.strip().lower() for name in (env.get(EXPORTERS, "").strip() or OWN).split(",")]


def _obstacle(env: Mapping[str, str]) -> str:
    if OWN not in (exporters := _exporters(env)):
        return f"{EXPORTERS} is {','.join(exporters)}; relay has {OWN} alone"
    protocol = next(filter(None, map(env.get, PROTOCOLS)), SPOKEN)
    if protocol != SPOKEN:
        return f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}; relay speaks {SPOKEN}, at another port of the collector"
    try:
        there = find_spec(EXPORTER)
    except ModuleNotFoundError:
        there = None
    return "" if there else "OpenTelemetry is not installed: pip install 'operation-relay[otel]'"
