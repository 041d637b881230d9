"""What events held, sealed in Redis: who reads its memory, files or backups reads nothing of it without the key.

AES-256-GCM. Each process seals with a key of its own, made from the configured one and 16 random bytes that stand
before each value, so its nonces may simply count. What a value is and which record it belongs to is sealed with it:
moved elsewhere it opens no more. What was written before there was a key is read as it is.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import count
from secrets import token_bytes
from typing import TYPE_CHECKING, Self

from relay.errors import RelayError, Unsealable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = b"\xffs1"  # what begins so is no text in UTF-8, and so nothing that was written without a key
ID, SALT, NONCE = 4, 16, 12  # bytes behind it, in this order
HEAD = len(MARK) + ID + SALT + NONCE
TAG = 16
CIPHERS = 512  # of other processes, which this one remembers

# What a value is.
BODY, QUARANTINE, RESULTS, AUDIT, SIGNING = "body", "quarantine", "results", "audit", "signing key"


class Sealer:
    """Seals with the first of the keys, and opens what any of them sealed."""

    def __init__(self, keys: Mapping[str, bytes], kept: float = 0.0) -> None:
        """`kept`: seconds after which nothing is left that an earlier key sealed. RelayError if AES is not there."""
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - 9 MB that few need
        except ImportError:
            raise RelayError("it needs cryptography, which is not installed: pip install 'relay[encryption]'") from None
        self.kept = kept
        self._aes = AESGCM
        self._keys = {id_of(key): key for key in keys.values()}
        self.names = {id_of(key).hex(): name for name, key in keys.items()}
        self._first = next(iter(self._keys))
        salt = token_bytes(SALT)
        self._head = MARK + self._first + salt
        self._cipher = self._aes(_derived(self._keys[self._first], salt))
        self._nonces = count()
        self._cipher_of = lru_cache(CIPHERS)(self._made)

    @classmethod
    def of(cls, keys: Mapping[str, bytes], kept: float = 0.0) -> Self | None:
        """None where there is no key: nothing is sealed."""
        return cls(keys, kept) if keys else None

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return self._first.hex()

    @property
    def name(self) -> str:
        """That key as people know it."""
        return f"{self.names[self.current]} ({self.current})"

    def seal(self, content: bytes, kind: str, record: str) -> bytes:
        nonce = next(self._nonces).to_bytes(NONCE, "big")
        return self._head + nonce + self._cipher.encrypt(nonce, content, _bound(kind, record))

    def open(self, stored: bytes, kind: str, record: str) -> bytes:
        """What was sealed as this; what never was, as it is. Unsealable for what is another's, or damaged."""
        if not is_sealed(stored):
            return stored
        id_ = stored[len(MARK) : len(MARK) + ID]
        if id_ not in self._keys:
            raise Unsealable(id_.hex())
        salt, nonce = stored[len(MARK) + ID : HEAD - NONCE], stored[HEAD - NONCE : HEAD]
        try:
            return self._cipher_of(id_, salt).decrypt(nonce, stored[HEAD:], _bound(kind, record))
        except Exception:  # noqa: BLE001 - the library's own class, which is imported with a key alone
            raise Unsealable(id_.hex(), damaged=True) from None

    def _made(self, id_: bytes, salt: bytes) -> "AESGCM":
        return self._aes(_derived(self._keys[id_], salt))


def opened(sealer: Sealer | None, stored: bytes, kind: str, record: str) -> bytes:
    """As of `Sealer.open`; without a key nothing that is sealed can be read."""
    if sealer:
        return sealer.open(stored, kind, record)
    if is_sealed(stored):
        raise Unsealable(stored[len(MARK) : len(MARK) + ID].hex())
    return stored


def is_sealed(stored: bytes) -> bool:
    return stored.startswith(MARK)


def id_of(key: bytes) -> bytes:
    """By which a key is known: nothing follows from it."""
    return blake2b(b"id", key=_derived(key, b""), digest_size=ID).digest()


def _derived(key: bytes, salt: bytes) -> bytes:
    """32 bytes of a configured key, of whatever length, which is as good as random."""
    return blake2b(key, digest_size=32, salt=salt, person=b"relay at rest").digest()


def _bound(kind: str, record: str) -> bytes:
    return f"{kind}\0{record}".encode()
