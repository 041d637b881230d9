"""What may stand behind the `?`."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from relay_sandbox.schema.requests.fields import Name, Priority, Request, Type

Status = Literal["Initiated", "Running", "Completed", "Failed", "Cancelled", "Timeout"]
DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Query(Request):
    """What may stand behind the `?`; here nothing. In text all values look alike, so none is strict."""

    model_config = ConfigDict(strict=False, validate_by_name=False, validate_by_alias=True)


def _end_of_day(raw: object) -> object:
    """A day, or a second, that ends a span of time is meant with all of it."""
    if isinstance(raw, str) and DAY.fullmatch(raw):
        raw += "T23:59:59"
    return raw


# As written: the moment is the last one of its second, as times are shown without what is left of one.
Until = Annotated[
    datetime,
    BeforeValidator(_end_of_day),
    AfterValidator(lambda moment: moment if moment.microsecond else moment.replace(microsecond=999_999)),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]}),
]


class ListQuery(Query):
    """Dates without a zone are UTC. `dateTo` includes the second, or the day, that it names."""

    status: Status | None = None
    operation_type: Type | None = None
    priority: Priority | None = None
    date_from: datetime | None = None
    date_to: Until | None = None
    include_details: bool = False
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=100)] = 20


class ResultsQuery(Query):
    format: Literal["summary", "detailed", "download"] = "summary"
    include_artifacts: bool = True
    phase: Name | None = None
