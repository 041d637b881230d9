"""Every decision over time: `step` (relay/engine/step.py) is what to read first. Pure: no I/O, no clock, no Redis."""
