"""What a simulated operation does and finds, and how its documents read. Pure: from its record and the time."""
