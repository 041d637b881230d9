"""What operators do and look up, by a command or in the console: each written once, and worded by whoever shows it."""
