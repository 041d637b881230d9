"""relay demo: everything on this machine, to watch signed operations become messages."""

from relay_sandbox.demo.demo import Demo

__all__ = ["Demo"]
