"""Sentences of relay's own that no template says; each is in every catalogue."""

# At the foot of a message.
FELL_BACK = "Shown with relay's own wording: the template %(file)s failed."

# Before a message that somebody asked for to see that messages arrive.
TEST = "Test"
TEST_NOTE = "Test message, sent with relay test-send. What it tells of does not exist, and its links lead nowhere."
CONSOLE_TEST_NOTE = (
    "Test message, sent from relay's console. What it tells of does not exist, and its links lead nowhere."
)

# To the one person who pressed a button, seen by nobody else.
TAKEN = "Asked for. What comes of it is told in the thread."
TWICE = "That was asked for already. What comes of it is told in the thread."
STALE = "This button is no longer good: the message has newer ones, or it is too old."
FORBIDDEN = "You may not do this. Whoever runs relay decides who may."
SLOW = "Slack does not say who you are just now, so nothing was done. Press again in a moment."

NOTICES = (FELL_BACK, TEST, TEST_NOTE, CONSOLE_TEST_NOTE, TAKEN, TWICE, STALE, FORBIDDEN, SLOW)
