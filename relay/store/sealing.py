"""Encryption of event data in Redis: its memory, files and backups are unreadable without the key.

AES-256-GCM. Each process seals with a key of its own, made from the configured one and 16 random bytes before
each value, so its nonces may simply count. Which record a value belongs to is sealed with it: moved elsewhere it opens
no more. With a key a value that is not sealed is refused: write access to Redis gives no login, signing key or event
that way. What was written before there was a key is sealed by relay/store/seal_existing.py.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import count
from secrets import token_bytes
from typing import TYPE_CHECKING, Self

from relay.errors import NotSealed, RelayError, Unsealable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = b"\xffs1"  # what begins so is no text in UTF-8, and so nothing that was written without a key
ID, SALT, NONCE = 4, 16, 12  # bytes behind it, in this order
HEAD = len(MARK) + ID + SALT + NONCE
CIPHERS = 512  # of other processes, which this one remembers


class Sealer:
    """Seals with the first of the keys, and opens what any of them sealed."""

    def __init__(self, keys: Mapping[str, bytes], retention: float = 0.0) -> None:
        """`retention`: seconds after which nothing that an earlier key sealed is left. RelayError without AES."""
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - few need 8 MB
        except ImportError:
            raise RelayError(
                "it needs cryptography, which is not installed: pip install 'operation-relay[encryption]'"
            ) from None
        self.retention = retention
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
    def of(cls, keys: Mapping[str, bytes], retention: float = 0.0) -> Self | None:
        """None where there is no key: nothing is sealed."""
        return cls(keys, retention) if keys else None

    @property
    def current(self) -> str:
        return self._first.hex()

    @property
    def name(self) -> str:
        """Return the id of that key for people."""
        return f"{self.names[self.current]} ({self.current})"

    def seal(self, content: bytes, record: str) -> bytes:
        nonce = next(self._nonces).to_bytes(NONCE, "big")
        return self._head + nonce + self._cipher.encrypt(nonce, content, record.encode())

    def open(self, stored: bytes, record: str) -> bytes:
        """Open a value sealed for this record. Unsealable if it is another's, or damaged; NotSealed if it never was."""
        if not is_sealed(stored):
            raise NotSealed
        id_ = stored[len(MARK) : len(MARK) + ID]
        if id_ not in self._keys:
            raise Unsealable(id_.hex())
        salt, nonce = stored[len(MARK) + ID : HEAD - NONCE], stored[HEAD - NONCE : HEAD]
        try:
            return self._cipher_of(id_, salt).decrypt(nonce, stored[HEAD:], record.encode())
        except Exception:  # noqa: BLE001 - the library's own class, which is imported with a key alone
            raise Unsealable(id_.hex(), damaged=True) from None

    def _made(self, id_: bytes, salt: bytes) -> "AESGCM":
        return self._aes(_derived(self._keys[id_], salt))


def opened(sealer: Sealer | None, stored: bytes, record: str) -> bytes:
    """Open it as `Sealer.open` does. Without a key clear values are read, and sealed ones refused."""
    if sealer:
        return sealer.open(stored, record)
    if is_sealed(stored):
        raise Unsealable(stored[len(MARK) : len(MARK) + ID].hex())
    return stored


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
