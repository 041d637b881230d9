"""Names and groups of people, as a provider of OpenID Connect vouches for them."""

from typing import Any

import pytest

from relay.console.access.oidc import display_name, groups_of
from tests.support.oidc_provider import JANA


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        (JANA, "jana"),
        ({"sub": "u-17", "email": "jana@example.com", "email_verified": True}, "jana@example.com"),
        ({"sub": "u-17", "email": "boss@example.com"}, "u-17"),
        ({"sub": "u-17", "email": "boss@example.com", "email_verified": "true"}, "u-17"),
        ({"sub": "u-17", "preferred_username": "ja\u202ena"}, "u-17"),
        ({"sub": "u-17", "preferred_username": " "}, "u-17"),
        ({"sub": "u" * 500}, "u" * 100),
    ],
)
def test_people_are_called_by_what_the_provider_vouches_for(claims: dict[str, Any], name: str) -> None:
    assert display_name(claims) == name


@pytest.mark.parametrize(
    ("claims", "claim", "groups"),
    [
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ["a"]),
        ({"https://example.com/groups": ["a"]}, "https://example.com/groups", ["a"]),
        ({"realm_access": "x"}, "realm_access.roles", None),
        ({}, "groups", None),
        ({"email": "a@example.com", "email_verified": True}, "email", ["a@example.com"]),
        ({"email": "a@example.com"}, "email", None),
        ({"email": "a@example.com", "email_verified": "true"}, "email", None),
    ],
)
def test_groups_stand_where_the_configuration_says(claims: dict[str, Any], claim: str, groups: Any) -> None:
    assert groups_of(claims, claim) == groups
