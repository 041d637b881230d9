"""How fast relay is, beside what else takes webhooks and tells people: `make bench`."""
