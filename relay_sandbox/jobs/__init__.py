"""Real jobs in the place of simulated ones: what runs them, and the one that comes with the sandbox."""
