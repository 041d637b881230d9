"""Who runs this command, as the audit trail names them."""

import os
import pwd
from collections.abc import Mapping


def actor(env: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """`user@host`, and as whom they run it if that is another.

    RELAY_ACTOR says who it is where all are one user, as in a container, SUDO_USER where sudo changed it. Whoever may
    run a command may say what they like there, so the system's own user is kept beside it.
    """
    own = _system_user()
    named = env.get("RELAY_ACTOR") or env.get("SUDO_USER") or own
    name = named if "@" in named else f"{named}@{os.uname().nodename}"
    return name, {} if named == own else {"run_as": own}


def _system_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user often has no name
        return f"uid-{os.getuid()}"
