"""Messages to look at: drawn, listed in a page of files, and served to whoever is changing their templates."""
