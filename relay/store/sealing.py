"""Encryption of event data in Redis: its memory, files and backups are unreadable without the key.

AES-256-GCM. Each process seals with a key of its own, made from the configured one and 16 random bytes before
each value, so its nonces may simply count. What a value is and which record it belongs to is sealed with it:
moved elsewhere it opens no more. With a key a value that is not sealed is refused: write access to Redis gives no
login, signing key or event that way. What was written before there was a key is sealed by
relay/store/seal_existing.py.

Short texts that scripts carry and compare are sealed by AES-256-SIV, so that the same text is the same. Clear ones are
read as they are, whatever they are: scripts write some themselves, in packed fields and lines beside values that are
never sealed.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import count
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, Self

from relay.errors import NotSealed, RelayError, Unsealable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = b"\xffs1"  # what begins so is no text in UTF-8, and so nothing that was written without a key
ID, SALT, NONCE = 4, 16, 12  # bytes behind it, in this order
HEAD = len(MARK) + ID + SALT + NONCE
TAG = 16
CIPHERS = 512  # of other processes, which this one remembers

SAME = "\x02"  # begins a short text that is sealed: scripts carry it like any other, and compare it
TEXTS = 2048  # short texts that are remembered: those of a run come with each of its events
# What a value is.
BODY, QUARANTINE, RESULTS, AUDIT, SIGNING, COPY = "body", "quarantine", "results", "audit", "signing key", "copy"
SESSION, SILENCE, TRIAL, LAST_BODY = "session", "silence", "trial", "last body"
NAME, AUDIENCE, PRESSED, PATH, ERROR = "name", "audience", "pressed", "path", "error"
LABELS = "labels"


class Sealer:
    """Seals with the first of the keys, and opens what any of them sealed."""

    def __init__(self, keys: Mapping[str, bytes], retention: float = 0.0) -> None:
        """`retention`: seconds after which nothing that an earlier key sealed is left. RelayError without AES."""
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV  # noqa: PLC0415 - few need 8 MB
        except ImportError:
            raise RelayError(
                "it needs cryptography, which is not installed: pip install 'operation-relay[encryption]'"
            ) from None
        self.retention = retention
        self._aes = AESGCM
        self._siv = {id_of(key): AESSIV(_derived(key, b"texts") + _derived(key, b"mac")) for key in keys.values()}
        self._keys = {id_of(key): key for key in keys.values()}
        self.names = {id_of(key).hex(): name for name, key in keys.items()}
        self._first = next(iter(self._keys))
        salt = token_bytes(SALT)
        self._head = MARK + self._first + salt
        self._cipher = self._aes(_derived(self._keys[self._first], salt))
        self._nonces = count()
        self._cipher_of = lru_cache(CIPHERS)(self._made)
        self.seal_text = lru_cache(TEXTS)(self._seal_text)
        self.open_text = lru_cache(TEXTS)(self._open_text)

    @classmethod
    def of(cls, keys: Mapping[str, bytes], retention: float = 0.0) -> Self | None:
        """None where there is no key: nothing is sealed."""
        return cls(keys, retention) if keys else None

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return self._first.hex()

    @property
    def name(self) -> str:
        """Return the id of that key for people."""
        return f"{self.names[self.current]} ({self.current})"

    def seal(self, content: bytes, kind: str, record: str) -> bytes:
        nonce = next(self._nonces).to_bytes(NONCE, "big")
        return self._head + nonce + self._cipher.encrypt(nonce, content, _bound(kind, record))

    def open(self, stored: bytes, kind: str, record: str) -> bytes:
        """Open a value sealed as this. Unsealable if it is another's, or damaged; NotSealed if it never was."""
        if not is_sealed(stored):
            raise NotSealed
        id_ = stored[len(MARK) : len(MARK) + ID]
        if id_ not in self._keys:
            raise Unsealable(id_.hex())
        salt, nonce = stored[len(MARK) + ID : HEAD - NONCE], stored[HEAD - NONCE : HEAD]
        try:
            return self._cipher_of(id_, salt).decrypt(nonce, stored[HEAD:], _bound(kind, record))
        except Exception:  # noqa: BLE001 - the library's own class, which is imported with a key alone
            raise Unsealable(id_.hex(), damaged=True) from None

    def hashed(self, content: bytes) -> bytes:
        """Return a keyed digest of 16 bytes, which cannot be guessed without the key."""
        return blake2b(content, key=_derived(self._keys[self._first], b"names"), digest_size=16).digest()

    def _seal_text(self, text: str, kind: str) -> str:
        """A short text, sealed as what it is; the same text is always the same (RFC 5297), so scripts see no change."""
        content = text.encode("utf-8", "replace")
        return SAME + b64encode(self._first + self._siv[self._first].encrypt(content, [kind.encode()])).decode()

    def _open_text(self, stored: str, kind: str) -> str:
        """Open what `seal_text` sealed; return a clear text as it is."""
        if not (sealed := _sealed_text(stored)):
            return stored
        if sealed[:ID] not in self._siv:
            raise Unsealable(sealed[:ID].hex())
        try:
            return self._siv[sealed[:ID]].decrypt(sealed[ID:], [kind.encode()]).decode()
        except Exception:  # noqa: BLE001 - as in `open`
            raise Unsealable(sealed[:ID].hex(), damaged=True) from None

    def _made(self, id_: bytes, salt: bytes) -> "AESGCM":
        return self._aes(_derived(self._keys[id_], salt))


def opened(sealer: Sealer | None, stored: bytes, kind: str, record: str) -> bytes:
    """Open it as `Sealer.open` does. Without a key clear values are read, and sealed ones refused."""
    if sealer:
        return sealer.open(stored, kind, record)
    if is_sealed(stored):
        raise Unsealable(stored[len(MARK) : len(MARK) + ID].hex())
    return stored


def open_texts(sealer: Sealer | None, values: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """These values, with those opened that have a kind here. Unsealable if one cannot be."""
    if sealer is None:
        if key := key_of_texts(values, kinds):
            raise Unsealable(key)
        return dict(values)
    opening = {
        name: sealer.open_text(text, kind) for name, kind in kinds.items() if isinstance(text := values.get(name), str)
    }
    return {**values, **opening}


def key_of_texts(values: Mapping[str, Any], kinds: Mapping[str, str]) -> str:
    """The id of the key that one of those that have a kind here is sealed with, as it seems; '' if none is."""
    texts = (text for name in kinds if isinstance(text := values.get(name), str))
    return next((sealed[:ID].hex() for text in texts if (sealed := _sealed_text(text))), "")


def is_sealed(stored: bytes) -> bool:
    return stored.startswith(MARK)


def is_sealed_by(sealer: Sealer | None, stored: bytes) -> bool:
    """Return True where this one would seal it alike today; without a key, where it is clear."""
    return sealer is None or stored.startswith(MARK + bytes.fromhex(sealer.current))


def id_of(key: bytes) -> bytes:
    """By which a key is known: nothing follows from it."""
    return blake2b(b"id", key=_derived(key, b""), digest_size=ID).digest()


def _derived(key: bytes, salt: bytes) -> bytes:
    """32 bytes of a configured key, of whatever length, which is as good as random."""
    return blake2b(key, digest_size=32, salt=salt, person=b"relay at rest").digest()


def _sealed_text(stored: str) -> bytes:
    """Return the part behind the mark of a short text; empty if it is not sealed."""
    if not stored.startswith(SAME):
        return b""
    try:
        sealed = b64decode(stored[1:], validate=True)
    except ValueError:
        return b""
    return sealed if len(sealed) >= ID + TAG else b""


def _bound(kind: str, record: str) -> bytes:
    return f"{kind}\0{record}".encode()
