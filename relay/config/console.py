"""The settings of the console: the ways in, and the role that each gives. Without any it is off."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from relay.configfile.validation import Name, Section, one_or_more, spelled
from relay.receiving.secret_strength import refuse_weak

SESSION = 12 * 3600.0  # seconds without a request, after which a login is over
LONGEST_SESSION = 7 * 86_400.0  # and after which it is over in any case

Role = Literal["viewer", "operator"]
VIEWER: Final = "viewer"
OPERATOR: Final = "operator"  # looks, and acts as well
ROLES: tuple[Role, ...] = get_args(Role)


def _bare(url: str) -> str:
    if urlsplit(url).path.strip("/"):
        raise ValueError("expected an address without a path; the console is at /console there")
    return url.rstrip("/")


ADDRESS = r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[!-~]*)?"
HeaderName = Annotated[str, spelled(r"[A-Za-z0-9-]{1,100}", "a header such as X-Forwarded-User")]
Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], one_or_more, Field(max_length=100)]


class ApiToken(Section):
    """A token for programs at /api/v1."""

    token: Annotated[SecretStr, AfterValidator(refuse_weak)]
    role: Role


class TrustedHeader(Section):
    """Headers in which an authenticating proxy states the user and their groups. Whoever it lets in may look."""

    user: HeaderName
    groups: HeaderName | Literal[""] = ""
    operators: Names = ()
    operator_groups: Names = ()

    @model_validator(mode="after")
    def _groups_are_stated(self) -> Self:
        if self.operator_groups and not self.groups:
            raise ValueError("operator_groups needs `groups` beside it: the header that states them")
        return self


class Console(Section):
    """The console at `/console` of the operators' listener. `url` is where browsers reach it, if that is elsewhere."""

    retired: ClassVar[Mapping[str, str]] = {
        "oidc": "removed; have a proxy such as oauth2-proxy or Authelia log people in, and name its headers in "
        "console.trusted_header",
        "session": "removed; a login ends after twelve hours without a request, and after a week",
    }

    url: Annotated[
        str, spelled(rf"({ADDRESS})?", "an address such as https://relay.example.com"), AfterValidator(_bare)
    ] = ""
    trusted_header: TrustedHeader | None = None
    tokens: dict[Name, ApiToken] = Field(default_factory=dict)

    @property
    def configured(self) -> bool:
        """Return whether there is a way in beside one-time links."""
        return bool(self.trusted_header or self.tokens)

    @property
    def enabled(self) -> bool:
        """Return whether there is a console also for other machines: with `url` alone, by one-time links."""
        return bool(self.url) or self.configured
