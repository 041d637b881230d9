"""Secrets in what relay quotes of errors: passwords, keys and tokens become `•••`. Pure. Documents stay as they came.

All patterns are linear: none begins with what may be long, and what follows is bounded or ends where another begins.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

MASK = "•••"  # which no channel takes for formatting
# Names of secrets, also as the end of longer names: `PGPASSWORD`, `client_secret`, `aws_secret_access_key`.
_NAME = (
    r"passw(?:or)?d|passphrase|pwd(?!=/)|secret|token|credentials?|authorization"
    r"|(?:api|access|account|private|secret|signing|encryption|subscription)[_-]?key(?:[_-]?id)?"
)
_NAMES = ("passw", "passphrase", "pwd", "secret", "token", "credential", "authorization", "key")
_QUOTED = r"\"[^\"\n]*\"|'[^'\n]*'"
# Words behind a name: `--token is required`, `password=None`, `cannot refresh token: HTTP/1.1 401`.
_NOT = (
    r"(?!HTTP/|(?:none|null|nil|undefined|is|was|must|may|cannot|not|and|or|for|in|to|with|has|needs|requires|option|flag)"
    r"(?![^\s,;)&]))"
)


class Secret(NamedTuple):
    """One way of writing secrets. `signs`: one of them, in small letters, is in every text that has it."""

    name: str
    signs: tuple[str, ...]
    pattern: re.Pattern[str]
    shown: str = MASK


# In their order: what is found as a whole goes before what is found by its name, first what has several lines.
SECRETS = (
    Secret("private key", ("private key",), re.compile(
        r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?:\s|\\[nr]|[A-Za-z0-9+/=]{16,}+|(?:Proc-Type|DEK-Info):[^\n]*)*+"
        r"(?:[A-Za-z0-9+/=]{1,15}(?:\s|\\[nr])*+)?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?"), rf"\1 {MASK}"),
    Secret("line of a key", (), re.compile(r"^(?=[A-Za-z+/]*+\d)[A-Za-z0-9+/]{60,}+={0,2}$", re.M)),
    Secret("password in an address", ("://",), re.compile(
        r"(://[^\s/@:]{0,64}:)(?!\d{1,5}(?:[/?,;\s]|$))(?:[^\s/]{1,200}|[^\s@]{1,100})@"), rf"\1{MASK}@"),
    Secret("token by its beginning", (), re.compile(
        r"(?<![\w-])(?:gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}"
        r"|[rs]k_(?:live|test)_\w{8,}|sk-[\w-]{20,}|AIza[\w-]{30,}|ya29\.[\w.-]{16,}|npm_\w{30,}|pypi-[\w-]{16,}"
        r"|dapi[0-9a-f]{32}|whsec_[\w+/=]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)")),
    Secret("AWS key", ("akia", "asia"), re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,20}(?![A-Z0-9])")),
    Secret("address of a Slack webhook", ("hooks.slack.com",), re.compile(r"(hooks\.slack\.com/)\S+"), rf"\1{MASK}"),
    Secret("Authorization", ("bearer", "basic"), re.compile(
        r"\b([Bb]earer|[Bb]asic|BEARER|BASIC) {1,3}(?=[\w.~+/-]*(?:\d|[a-z][A-Z]))[\w.~+/-]{8,}=*"), rf"\1 {MASK}"),
    Secret("option of a command", ("-",), re.compile(
        rf"(?<!\S)(--?(?:[a-z]+-)*(?:{_NAME}) {{1,3}}|-u {{1,3}}[^\s:]{{1,64}}:){_NOT}(?:{_QUOTED}|[^\s-]\S*)",
        re.I), rf"\1{MASK}"),
    Secret("value of a name", _NAMES, re.compile(
        rf"({_NAME})([\"']? {{0,3}}={{1,2}}>? {{0,3}}){_NOT}(?:{_QUOTED}|\{{[^}}\n]*\}}|[^\s\"'&;,)\]}}<>]+)",
        re.I), rf"\1\2{MASK}"),
    Secret("parameter of an address", ("=",), re.compile(
        r"([?&](?:key|auth|sig|signature|pass|x-amz-signature|x-amz-credential)=)[^\s&\"'<>)]+", re.I), rf"\1{MASK}"),
    # Behind a colon words may follow: `invalid token: expired`. What is quoted, or has a digit or a sign, is no word.
    Secret("field of a document", _NAMES, re.compile(
        rf"(?<!unexpected )({_NAME})([\"']? {{0,3}}: {{0,3}}){_NOT}(?:{_QUOTED}"
        r"|(?=[^\s\"'&;,)\]}<>:=]*[\d!@#$%^*?])[^\s\"'&;,)\]}<>:=]{4,}+(?![:=]))", re.I), rf"\1\2{MASK}"),
)  # fmt: skip


def masked(text: str, secrets: Sequence[Secret] = SECRETS) -> str:
    """Return the text without its secrets."""
    lower = text.lower()
    for secret in secrets:
        if not secret.signs or any(sign in lower for sign in secret.signs):
            text = secret.pattern.sub(secret.shown, text)
    return text
