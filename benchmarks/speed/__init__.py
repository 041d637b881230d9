"""Speed of relay beside other receivers of webhooks: `make bench`."""
