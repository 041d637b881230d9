"""Senders that prove themselves by public keys, with keys of this test run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from relay.errors import KeysUnavailable
from relay.receiving.oidc import GOOGLE, KEYS_OF

AUDIENCE, ACCOUNT = "https://relay.example.com/webhooks/builds", "pubsub@shop.iam.gserviceaccount.com"
KEYS = KEYS_OF[GOOGLE]
RSA, EC = RSAKey.generate_key(2048, {"kid": "rsa"}), ECKey.generate_key("P-256", {"kid": "ec"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
OIDC: Mapping[str, Any] = {"scheme": "oidc", "audience": AUDIENCE, "email": ACCOUNT}


def key_set(*keys: Key) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


@dataclass
class Published:
    """What is at each address, as a `Fetch`. `asked` are the requests for it."""

    at: dict[str, bytes] = field(default_factory=lambda: {KEYS: key_set(RSA, EC)})
    asked: list[str] = field(default_factory=list)

    async def __call__(self, address: str) -> bytes:
        self.asked.append(address)
        if address not in self.at:
            raise KeysUnavailable(f"{address} does not answer")
        return self.at[address]


def claims(now: float, **changes: Any) -> dict[str, Any]:
    """Return what Pub/Sub says of its account; a change to None leaves a claim out."""
    stated = {"iss": GOOGLE, "aud": AUDIENCE, "azp": "1", "sub": "1", "email": ACCOUNT, "email_verified": True,
              "iat": int(now), "exp": int(now) + 3600} | changes  # fmt: skip
    return {name: value for name, value in stated.items() if value is not None}


def token(now: float, key: Key = RSA, *, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
    head = {"alg": "ES256" if isinstance(key, ECKey) else "RS256", "kid": key.kid, **(header or {})}
    return str(jwt.encode(head, claims(now, **changes), key, algorithms=[head["alg"]]))
