"""The surface of the API: its requests as types, and how it writes times, sizes and addresses.

The platform's client (`relay.platform.models`) has types of its own for the same documents, deliberately: server and
client are written independently of each other, from the documentation, so that a slip in one is seen by the other.
"""
