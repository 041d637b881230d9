"""What the sandbox remembers, in Redis."""
