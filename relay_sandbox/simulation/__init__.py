"""Simulated operations: phases, findings and documents. Pure: from a record and the time."""
