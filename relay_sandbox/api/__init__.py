"""One table of routes, which the server binds and the OpenAPI document describes."""
