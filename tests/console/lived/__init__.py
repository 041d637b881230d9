"""A relay that has lived for nine days: each page of its console has something to show.

Its past went through relay's own intake and worker on a clock of its own; its present came to a whole relay over HTTP.
"""

from tests.console.lived.world import Lived, lived

__all__ = ["Lived", "lived"]
