"""The messages as their author works with them: drawn, with their variables and with what is wrong. Nothing is sent."""
