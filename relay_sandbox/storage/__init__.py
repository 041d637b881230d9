"""The sandbox's records in Redis."""
