"""One table of routes, which the server binds."""
