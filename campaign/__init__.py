"""Attacks on a real relay, and the promises that they must not break: `make security`."""
