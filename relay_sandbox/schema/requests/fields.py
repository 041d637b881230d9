"""What requests have in common: how strictly they are read, and the kinds of their fields."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

Priority = Literal["Low", "Normal", "High", "Critical"]

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Type = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
Text = Annotated[str, StringConstraints(max_length=4000)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9\[][^\s]*$", max_length=2048)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[ -~]{0,1000}$")]
Secret = Annotated[str, StringConstraints(pattern=r"^[!-~]{8,200}$")]


class Request(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )


class FieldError(ValueError):
    """A request that no schema could refuse; `field` is the part at fault."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class Retrying(Request):
    """Of an operation or a webhook; delays are seconds."""

    max_retries: Annotated[int, Field(ge=0, le=20)] = 3
    retry_delay: Annotated[int | float, Field(gt=0, le=86_400)] = 60.0
    backoff_multiplier: Annotated[int | float, Field(ge=1, le=10)] = 2.0
    max_delay: Annotated[int | float, Field(gt=0, le=86_400)] = 3600.0

    def waits(self) -> tuple[float, ...]:
        """Seconds before each retry."""
        grown = (self.retry_delay * self.backoff_multiplier**n for n in range(self.max_retries))
        return tuple(min(delay, self.max_delay) for delay in grown)


class Authentication(Request):
    """`hmac-sha256` signs with `secret`; `bearer` sends `token`."""

    type: Literal["hmac-sha256", "bearer", "none"]
    secret: Secret | None = None
    token: Secret | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"hmac-sha256": "secret", "bearer": "token"}.get(self.type)
        if needed and not getattr(self, needed):
            raise ValueError(f"the type {self.type} needs a {needed}")
        return self
