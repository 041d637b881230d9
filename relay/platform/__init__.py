"""The Async Operations API, called: `from relay.platform import OperationsClient`.

The sandbox beside it serves the same API.
"""

from relay.platform.client import OperationsClient

__all__ = ["OperationsClient"]
