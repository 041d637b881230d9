"""Benchmarks of relay beside its peers, never run as a test of time."""
