"""Who may look, and who may act."""

from relay.console.access.who import WHO, Role, Who

__all__ = ["WHO", "Role", "Who"]
