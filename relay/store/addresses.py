"""URLs that name several hosts: redis+sentinel://[user:password@]host:port,host:port/…[?options], and redis+cluster://.

Other options are as in any URL of redis-py; `rediss+…` is TLS.
"""

import re
from typing import Any

from redis.asyncio.connection import parse_url

HOST = re.compile(r"\[?([^\[\]]+?)\]?(?::(\d+))?")
Address = tuple[str, int]


def split(url: str, mark: str, port: int) -> tuple[list[Address], str, dict[str, Any]]:
    """The hosts (none if one is misspelt), the rest of the URL, and the options of connections to each.

    `port` is that of a host which names none.
    """
    scheme, _, rest = url.partition(mark)
    rest, _, query = rest.partition("?")
    credentials, at, places = rest.rpartition("@")
    listed, _, path = places.partition("/")
    matches = [HOST.fullmatch(host) for host in listed.split(",")]
    hosts = [(match[1], int(match[2] or port)) for match in matches if match] if all(matches) else []
    return hosts, path, dict(parse_url(f"{scheme}://{credentials}{at}/?{query}"))


def spelt(address: Address) -> str:
    """Return it as written in a URL."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
