"""The metrics that there are, and those that a query of Prometheus asks for."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.metrics import MetricWrapperBase

from relay import metrics


class Metric(NamedTuple):
    name: str
    type: str
    labels: tuple[str, ...]


def counted() -> Iterator[Metric]:
    """Everything in `relay.metrics`."""
    for name in vars(metrics):
        metric = getattr(metrics, name)
        if isinstance(metric, MetricWrapperBase):
            end = "_total" if metric._type == "counter" else ""
            yield Metric(metric._name + end, metric._type, tuple(metric._labelnames))


def series_names() -> set[str]:
    """As a query names them."""
    parts = {"histogram": ("_bucket", "_sum", "_count")}
    return {metric.name + part for metric in counted() for part in parts.get(metric.type, ("",))}


def metric_names(query: str) -> set[str]:
    """The words before a selector, a bracket, or the end of an operand; without what is in quotes or after `by`."""
    bare = re.sub(r'"[^"]*"|\b(?:by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)|\{[^}]*\}', "", query)
    return {word for word in re.findall(r"\b[a-z_:]+\b(?!\s*\()", bare) if word.startswith("relay_") or word == "up"}
