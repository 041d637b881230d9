"""What the console costs where much is kept: `python -m benchmarks.console`."""
