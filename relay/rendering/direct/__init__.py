"""relay's own templates as plain Python functions: the same bytes as Jinja's in the sandbox, in a third of the time.

Jinja asks at every name, call and filter what the sandbox allows, and which of three scopes a name is from. relay's
own files need none of that: `expressions` and `functions` write each macro and each text as the function that somebody
would write by hand, and Python compiles that.

Two things keep this harmless. Only a message that no file of a user's has a part in is made in this way, so there is
nothing here to guard against. And whatever raises here is made once more by Jinja, which gives the message or tells
file and line: so nothing in here need know how Jinja fails, and what cannot be written (`NotDirect`) is left to Jinja.
`tests/rendering/test_direct.py` compares the two ways for every message, and fails if one of them is not made directly.
"""
