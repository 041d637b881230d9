"""relay: one message per operation, in Slack and by e-mail. Never stale, never lost, never doubled."""

__version__ = "0.1.0"
