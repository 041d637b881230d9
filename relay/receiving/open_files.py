"""How many connections this process can hold, as far as the system lets it open files."""

import resource

import structlog

KEPT = 224  # files for Redis, Slack, mail servers, the log and the processes beside this one
FEWEST = 16

log = structlog.get_logger(__name__)


def affordable(connections: int, allowed: int | None = None) -> int:
    """So many connections, or as many as fit below the limit of open files, which is then said.

    Above the limit the system would refuse Redis and Slack as well as strangers. `allowed`: the limit, if it is known.
    """
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if allowed is None else allowed
    fitting = connections if soft == resource.RLIM_INFINITY else max(FEWEST, soft - KEPT)
    if fitting >= connections:
        return connections
    log.warning(
        "connections.limited",
        max_connections=connections,
        possible=fitting,
        open_files=soft,
        advice=f"raise the limit of open files to {connections + KEPT} (ulimit -n, LimitNOFILE= of systemd, --ulimit "
        f"nofile= of Docker), or set server.max_connections to {fitting}",
    )
    return fitting
