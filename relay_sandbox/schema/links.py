"""The addresses of downloads, which carry their own permission."""

import hmac
from dataclasses import dataclass
from urllib.parse import quote


@dataclass
class Links:
    """Addresses that carry their own permission: who follows one from a message has no token.

    base_url   where the outside reaches the sandbox, without a slash at the end; known once it listens
    """

    base_url: str
    key: bytes

    def download(self, operation: str, filename: str) -> str:
        return f"{self.base_url}/downloads/{self.proof(operation, filename)}/{operation}/{quote(filename)}"

    def proof(self, operation: str, filename: str) -> str:
        return hmac.new(self.key, f"{operation}/{filename}".encode(), "sha256").hexdigest()[:32]
