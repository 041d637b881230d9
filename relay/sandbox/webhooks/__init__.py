"""Who is told of events: registered webhooks and callbacks, the requests to them, and the outbox that sends them."""
