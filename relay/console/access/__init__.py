"""Who comes to the console, and how: by a password, a provider of OpenID Connect, a link that works once, or a token.

`door.py` is what the rest of relay asks. The ways in are `login`, `single_sign_on`, `links` and `programs`; what they
share is `entrance`. Whoever is in is known again by `visitors`, and what they may is `roles`.
"""

from relay.console.access.door import Door
from relay.console.access.pages import TEMPLATES, Render
from relay.console.access.who import STANDING, WHO, Role, Standing, Who

__all__ = ["STANDING", "TEMPLATES", "WHO", "Door", "Render", "Role", "Standing", "Who"]
