"""What relay costs and what it spares, measured side by side in one run. Never run as a test of time."""
