"""The journal: everything between the pure `step` and Redis. `partition.py` is what to read first."""
