"""Registered webhooks and callbacks: which of them gets an event, the requests to them, and the outbox that sends."""
