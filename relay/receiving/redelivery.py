"""Configuration of catch-up: the webhooks of a source whose sender keeps a record of what it could not deliver."""

from typing import Annotated

from pydantic import Field, SecretStr

from relay.configfile.validation import Section, one_or_more, spelled

# As GitHub's API names a webhook. Clear text only on this machine, for a token goes there.
_HOST = r"(https://[\w.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?)"
_HOOK = rf"{_HOST}(/api/v3)?/(repos/\w[\w.-]{{0,99}}/[\w.-]{{0,99}}\w|orgs/\w[\w.-]{{0,99}})/hooks/\d{{1,20}}"
EXAMPLE = "https://api.github.com/repos/acme/shop/hooks/12345678"


class CatchUp(Section):
    """Webhooks at GitHub, and a token that may redeliver what failed there."""

    hooks: Annotated[
        tuple[Annotated[str, spelled(_HOOK, f"the address of a webhook such as {EXAMPLE}")], ...],
        one_or_more,
        Field(min_length=1, max_length=20),
    ]
    token: Annotated[SecretStr, Field(min_length=1, max_length=500)]
