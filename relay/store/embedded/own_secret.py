"""The secret of a relay with a private Redis: a file in its data directory, made at the first start."""

import os
import secrets
from pathlib import Path

from relay.errors import EmbeddedRedisError
from relay.receiving.secret_strength import SHORTEST_SECRET
from relay.store.embedded.backup import SECRET, sync

SIZE = 32  # bytes


def own_secret(data_dir: Path) -> bytes:
    """Return the secret of this directory, which its caller has locked. EmbeddedRedisError, OSError."""
    path = data_dir / SECRET
    if not path.exists():
        _make(path)
    secret = path.read_bytes().strip()
    if len(secret) < SHORTEST_SECRET:
        raise EmbeddedRedisError(
            f"{path}: expected a secret of at least {SHORTEST_SECRET} bytes, found {len(secret)}: restore the "
            "file from a backup, or remove it for a new secret, by which links in older mails do not work"
        )
    return secret


def _make(path: Path) -> None:
    """Write a new secret; after a crash there is the whole file or none."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_hex(SIZE).encode())
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    sync(path.parent)
