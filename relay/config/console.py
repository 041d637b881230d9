"""Who may look at the console, and who may act there: what a configuration says of it. It is off until it says so."""

import re
from typing import Annotated, Final, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from relay.configfile.validation import Duration, Name, Section, one_or_more, spelled
from relay.receiving.access import is_loopback
from relay.receiving.sources import refuse_weak

EVERYBODY = "*"
SESSION = 12 * 3600.0  # seconds without a request, after which a login is over
LONGEST_SESSION = 7 * 86_400.0  # and after which it is over in any case
ENCODED = r"[A-Za-z0-9+/]"
ARGON2ID = re.compile(
    rf"\$argon2id\$v=19\$m=(\d{{1,7}}),t=(\d{{1,3}}),p=(\d{{1,2}})\${ENCODED}{{22,86}}\${ENCODED}{{43,86}}", re.ASCII
)
LEAST_WORK = 7168 * 5  # KiB times passes: each of the choices that OWASP's password storage cheat sheet gives has more
MOST_MEMORY, MOST_PASSES, MOST_LANES = 256 * 1024, 16, 8  # KiB; a login must not take what events need


Role = Literal["viewer", "operator"]
VIEWER: Final = "viewer"
OPERATOR: Final = "operator"  # looks, and acts as well
ROLES: tuple[Role, ...] = get_args(Role)


def _argon2id(hashed: SecretStr) -> SecretStr:
    """The hash, unless it is none, or too cheap or too dear. The fault does not repeat it."""
    text = hashed.get_secret_value()
    match = ARGON2ID.fullmatch(text)
    if not match:
        cut = "the hash is cut off: in { } it stands in quotes; " if text.startswith("$argon2id$") else ""
        raise ValueError(f"{cut}expected what `relay console password` prints, $argon2id$v=19$…, never the password")
    memory, passes, lanes = map(int, match.groups())
    if memory * passes < LEAST_WORK:
        raise ValueError("the hash is too cheap to guess; make one with: relay console password")
    if memory > MOST_MEMORY or passes > MOST_PASSES or not 1 <= lanes <= MOST_LANES:
        raise ValueError(
            f"the hash costs too much; expected at most m={MOST_MEMORY}, t={MOST_PASSES}, p={MOST_LANES}; "
            "make one with: relay console password"
        )
    return hashed


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("the secret is empty")
    return secret


def _issuer(url: str) -> str:
    """As the provider spells it: it is compared, sign by sign."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("expected https: who can change what the provider answers can log in as anybody")
    return url


def _bare(url: str) -> str:
    if urlsplit(url).path.strip("/"):
        raise ValueError("expected an address without a path; the console is at /console there")
    return url.rstrip("/")


UserName = Annotated[str, spelled(r"[A-Za-z0-9][\w.@+-]{0,99}", "a name of letters, digits and . _ @ + -")]
ADDRESS = r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[!-~]*)?"
Groups = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], one_or_more, Field(max_length=100)]


class User(Section):
    """Somebody with a password of their own."""

    password: Annotated[SecretStr, AfterValidator(_argon2id)]
    role: Role


class ApiToken(Section):
    """What a program shows at /api/v1."""

    token: Annotated[SecretStr, AfterValidator(refuse_weak)]
    role: Role


class Oidc(Section):
    """A provider of OpenID Connect that says who somebody is, and of which groups."""

    issuer: Annotated[str, spelled(ADDRESS, "an address such as https://id.example.com"), AfterValidator(_issuer)]
    client_id: Annotated[str, Field(min_length=1, max_length=500)]
    client_secret: Annotated[SecretStr, AfterValidator(_not_empty)]
    groups_claim: Annotated[str, Field(min_length=1, max_length=200)] = "groups"
    operators: Groups = ()
    viewers: Groups = ()

    @property
    def name(self) -> str:
        """What people know it by: where they type their password."""
        return urlsplit(self.issuer).hostname or self.issuer

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.operators and not self.viewers:
            raise ValueError(f"nobody could come in; expected groups in operators or viewers, or viewers: {EVERYBODY}")
        if EVERYBODY in self.operators:
            raise ValueError(f"{EVERYBODY} is for viewers alone; expected the groups of those who act in operators")
        return self


class Console(Section):
    """The console at `/console` of the operators' listener. `url` is where browsers reach it, if that is elsewhere."""

    url: Annotated[
        str, spelled(rf"({ADDRESS})?", "an address such as https://relay.example.com"), AfterValidator(_bare)
    ] = ""
    users: dict[UserName, User] = Field(default_factory=dict)
    oidc: Oidc | None = None
    tokens: dict[Name, ApiToken] = Field(default_factory=dict)
    session: Annotated[Duration, Field(ge=300, le=LONGEST_SESSION)] = SESSION

    @model_validator(mode="after")
    def _returnable(self) -> Self:
        if self.oidc and not self.url:
            raise ValueError("oidc needs the `url` beside it: the provider sends people back there")
        return self

    @property
    def configured(self) -> bool:
        """Whether anybody but whoever has a one-time link could come in."""
        return bool(self.users or self.oidc or self.tokens)
