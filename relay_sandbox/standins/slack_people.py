"""The people and groups of a Slack workspace and relay's app in it, as its methods return them."""

from collections.abc import Iterable
from dataclasses import asdict

from relay_sandbox.standins.slack_records import APP, BOT, TEAM, Group, Json, SlackRefusal, User, page_of, user_document


class People:
    """Each method takes a call's arguments, and returns what Slack answers besides "ok"."""

    def __init__(self, users: Iterable[User], groups: Iterable[Group], name: str) -> None:
        self.users = {user.id: user for user in users}
        self.groups = {group.id: group for group in groups}
        self.name = name
        self.app_name = "relay"
        self.url = ""  # of the page, once it is served

    def _auth(self, _arguments: Json) -> Json:
        return {"url": self.url, "team": self.name, "team_id": TEAM, "user": self.app_name,
                "user_id": "U0RELAYBOT", "bot_id": BOT}  # fmt: skip

    def _bot(self, arguments: Json) -> Json:
        if arguments.get("bot") != BOT:
            raise SlackRefusal("bot_not_found")
        return {"bot": {"id": BOT, "app_id": APP, "user_id": "U0RELAYBOT", "name": "relay", "deleted": False}}

    def _user(self, arguments: Json) -> Json:
        user = self.users.get(str(arguments.get("user")))
        if user is None:
            raise SlackRefusal("user_not_found")
        return {"user": user_document(user)}

    def _lookup(self, arguments: Json) -> Json:
        for user in self.users.values():
            if user.email and user.email.casefold() == str(arguments.get("email")).casefold() and not user.deleted:
                return {"user": user_document(user)}
        raise SlackRefusal("users_not_found")

    def _users(self, arguments: Json) -> Json:
        page, cursor = page_of([*self.users.values()], arguments)
        return {"members": [user_document(user) for user in page], "response_metadata": {"next_cursor": cursor}}

    def _usergroups(self, _arguments: Json) -> Json:
        return {"usergroups": [asdict(group) for group in self.groups.values()]}

    def _members(self, arguments: Json) -> Json:
        group = self.groups.get(str(arguments.get("usergroup")))
        if group is None:
            raise SlackRefusal("no_such_subteam")
        return {"users": list(group.users)}
