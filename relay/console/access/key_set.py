"""The keys that a provider publishes, as far as they are of a kind that is known here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joserfc.jwk import Key, KeySet


def keys_in(document: Mapping[str, Any]) -> "KeySet":
    """Those of a JWK set. One that cannot be read says nothing of the others, and is left out.

    https://www.rfc-editor.org/rfc/rfc7517#section-5
    """
    from joserfc.jwk import KeySet  # noqa: PLC0415 - an extra

    published = document.get("keys")
    return KeySet([key for key in map(_key, published if isinstance(published, list) else ()) if key])


def _key(published: Any) -> "Key | None":
    from joserfc import errors  # noqa: PLC0415 - an extra
    from joserfc.jwk import JWKRegistry  # noqa: PLC0415

    try:
        key = JWKRegistry.import_key(published)
        key.ensure_kid()
    except (errors.JoseError, ValueError, TypeError, KeyError, AttributeError):  # KeyError: of a curve, for instance
        return None
    return key
