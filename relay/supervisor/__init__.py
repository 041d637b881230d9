"""Several relay processes on one port and one Redis, for machines with more cores than one process can use.

The one that keeps them imports nothing of what relay works with: it would be as large as each of them, and they would
start later. What only a whole relay can do, such as reading the configuration, it asks the first of them to do.
"""

from relay.supervisor.keeping import AlreadySaid, Supervisor

__all__ = ["AlreadySaid", "Supervisor"]
