"""Settings of a signature: the scheme of a source, what it needs, and its secrets."""

from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.util import find_spec
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from relay.configfile.validation import (
    Duration,
    Section,
    Texts,
    Url,
    known_name,
    one_or_more,
    spelled,
)
from relay.receiving.oidc import GOOGLE, KEYS_OF
from relay.receiving.operators import is_loopback
from relay.receiving.scheme import Scheme
from relay.receiving.schemes import SCHEMES, hmac_scheme, oidc_scheme, sns_scheme
from relay.receiving.secret_strength import Secrets, refuse_weak
from relay.receiving.sns import TOPIC

OPTIONS: Mapping[str, tuple[str, ...]] = {  # by the scheme whose they are
    "hmac": ("algorithm", "encoding", "prefix"),
    "oidc": ("issuer", "audience", "email", "subject", "keys"),
    "sns": ("topics",),
}
WITH_OPTIONS: Mapping[str, Callable[..., Scheme]] = {"hmac": hmac_scheme, "oidc": oidc_scheme, "sns": sns_scheme}
LIBRARIES = {
    "oidc": ("joserfc", "oidc"),
    "sns": ("cryptography", "sns"),
}  # that a scheme needs, each with its extra


def _secure(url: str) -> str:
    if url and urlsplit(url).scheme != "https" and not is_loopback(urlsplit(url).hostname or ""):
        raise ValueError("expected https: who can change what comes from there can sign")
    return url


Secure = Annotated[Url, AfterValidator(_secure)]
Header = Annotated[str, spelled(r"[\w!#$%&'*+.^`|~-]{0,100}", "the name of an HTTP header")]
Topic = Annotated[str, spelled(TOPIC, "the ARN of a topic such as arn:aws:sns:eu-central-1:123456789012:runs")]


class Signature(Section):
    """The scheme of a source's signatures, and its secrets: several at once while one is replaced."""

    scheme: Annotated[str, known_name(SCHEMES, "scheme")] = "hmac-sha256"
    header: Header = ""
    secrets: Secrets = Field(default_factory=dict)
    algorithm: Literal["sha256", "sha512"] = "sha256"  # these three of the scheme hmac
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, Field(max_length=20)] = ""
    issuer: Secure = GOOGLE  # these five of the scheme oidc
    audience: Texts = ()
    email: Texts = ()  # of the accounts that may send, which the issuer has verified
    subject: Texts = ()
    keys: Secure = ""  # the address of the issuer's key set
    topics: Annotated[tuple[Topic, ...], one_or_more] = ()  # of the scheme sns
    tolerance: Annotated[Duration, Field(ge=1, le=86_400)] = 300.0
    allow_unsigned: bool = False

    @cached_property
    def rules(self) -> Scheme:
        """Return the scheme, with its options."""
        if make := WITH_OPTIONS.get(self.scheme):
            return make(**{name: getattr(self, name) for name in OPTIONS[self.scheme]})
        return SCHEMES[self.scheme]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for scheme, names in OPTIONS.items():
            if scheme != self.scheme and (options := self.model_fields_set.intersection(names)):
                written = " and ".join(sorted(options))
                raise ValueError(f"{written}: only with scheme {scheme}, and this one is {self.scheme}")
        for secret in self.secrets.values() if self.scheme == "basic" else ():
            _, colon, password = secret.get_secret_value().partition(":")
            if not colon:
                raise ValueError("basic needs user and password; expected a secret such as relay:…")
            refuse_weak(SecretStr(password))
        if SCHEMES[self.scheme].public:
            self._check_public()
        elif SCHEMES[self.scheme].needs_secret:
            if not self.secrets:
                raise ValueError(f"{self.scheme} needs a secret; expected secrets: {{current: ...}}")
            if self.allow_unsigned:
                raise ValueError(f"allow_unsigned goes with scheme none alone, and this one is {self.scheme}")
        elif not self.allow_unsigned:
            raise ValueError("scheme none lets anyone send; confirm with allow_unsigned: true, or choose a scheme")
        return self

    def _check_public(self) -> None:
        if self.secrets or self.allow_unsigned:
            raise ValueError(f"{self.scheme} has no secrets: its sender proves itself by a public key")
        library, extra = LIBRARIES[self.scheme]
        if not find_spec(library):
            raise ValueError(f"it needs {library}, which is not installed: pip install 'operation-relay[{extra}]'")
        if self.scheme == "sns":
            if not self.topics:
                raise ValueError("sns needs the topics that may send; expected topics: their ARNs")
            return
        if not self.audience:
            raise ValueError("oidc needs the audience of its tokens; expected audience: what the sender is set up with")
        if not self.email and not self.subject:  # anyone may get a token for an audience
            raise ValueError("oidc needs the account that sends; expected email or subject")
        if not self.keys and self.issuer not in KEYS_OF:
            raise ValueError("the keys of this issuer are not known; expected keys: the jwks_uri of the issuer")
