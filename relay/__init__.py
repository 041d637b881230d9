"""relay: one message per operation, to Slack, e-mail, chats and programs. Never stale, never lost, never doubled."""

__version__ = "0.1.0"
