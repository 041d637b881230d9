"""How many messages a day of operations makes, under several policies: `python -m benchmarks.noise`.

A simulated working day goes through relay's own code (intake, rules, store, worker, templates and the Slack channel)
on a private Redis and into the Slack stand-in, on a clock of its own. Only the policy differs from row to row.
"""
