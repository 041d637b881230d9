"""A user's template that takes too much, and what relay says of it."""

FILE = "slack/operation.failed.yaml"
NOTE = f"Shown in relay's own wording because the template {FILE} failed."

LOOPS = (
    "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}"
)
