"""What the store costs Redis: commands, CPU and log of an event, bytes of an operation, and the time of a restart."""
