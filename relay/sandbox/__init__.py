"""A sandbox of the Async Operations API: the whole of it, with real state, to try, test and develop against.

`life` and `scenarios` say what happens to an operation, `batches` what to a batch: pure. `engine` makes it happen, once
and in Redis (`state`), and `events` says who hears of it; `outbox` sends. `server` answers.
"""
