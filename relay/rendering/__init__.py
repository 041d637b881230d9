"""From an event to what a channel sends: templates, translations, escaping and each channel's limits.

The built-in wording is in `templates/`; a directory of the user's own is searched first, file by file.
`docs/templates.md` is the author's guide.
"""

from relay.rendering.brand import Brand
from relay.rendering.isolated import IsolatedRenderer
from relay.rendering.renderer import Renderer, RenderOptions

__all__ = ["Brand", "IsolatedRenderer", "RenderOptions", "Renderer"]
