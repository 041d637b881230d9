"""A Slack that runs here: the part of the Web API relay uses, strict about limits, and a page that shows what arrived.

`relay demo` shows it to people, and tests script its faults. It keeps everything in memory and listens on loopback.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import ClientError, web

from relay_sandbox.standins.page_server import PageServer, news
from relay_sandbox.standins.slack_page import live_page
from relay_sandbox.standins.slack_records import (
    APP,
    GROUPS,
    TEAM,
    USERS,
    Conversation,
    Fault,
    Group,
    Json,
    Message,
    SlackCall,
    User,
    arguments_of,
    button_of,
    press_payload,
)
from relay_sandbox.standins.slack_sockets import Presses, Sockets
from relay_sandbox.standins.slack_workspace import Workspace

__all__ = ["GROUPS", "USERS", "Conversation", "Fault", "Group", "Message", "SlackCall", "SlackStandin", "User"]

MAX_CALLS = 10_000  # calls remembered
MAX_BODY = 4 * 1024**2
WEBHOOK_KEYS = frozenset({"text", "blocks", "attachments", "mrkdwn", "thread_ts", "unfurl_links", "unfurl_media"})


class SlackStandin(PageServer):
    """`async with SlackStandin() as slack:` and point relay at `slack.base_url`.

    Without `channels` every conversation exists as soon as something is posted to it; without `token` any is good;
    posts faster than `posts_per_second` in a conversation are counted.
    """

    def __init__(
        self, *, token: str = "", workspace: str = "Example", clock: Callable[[], float] = time.time, **options: Any
    ) -> None:
        """`options` are those of `Workspace`."""
        super().__init__()
        self.workspace = Workspace(name=workspace, clock=clock, **options)
        self.calls: deque[SlackCall] = deque(maxlen=MAX_CALLS)
        # By method, method and conversation ("chat.postMessage #room"), or "*": every call fails so, until removed.
        self.outages: dict[str, Fault] = {}
        self.pressed_app, self.pressed_in = APP, ""  # what presses say of the app, and of the workspace: the presser's
        self._token, self._clock = token, clock
        self._scripts: dict[str, deque[Fault]] = defaultdict(deque)
        self._paused_until: dict[tuple[str, str], float] = {}  # a call's lane → when it may be called again
        self._webhooks: dict[str, str] = {}  # path → conversation
        self._presses = Presses()
        self._served = 0
        self._stopping = asyncio.Event()

    @property
    def url(self) -> str:
        """The page."""
        return self.workspace.url

    @property
    def base_url(self) -> str:
        """The value for `channels.slack.base_url`."""
        return f"{self.url}api/"

    @property
    def scopes(self) -> str:
        """Scopes of relay's app: a call that takes more is refused. None: Slack does not say, and refuses none."""
        return self.workspace.scopes

    @scopes.setter
    def scopes(self, scopes: str) -> None:
        self.workspace.scopes = scopes

    @property
    def violations(self) -> list[str]:
        """Violations that Slack would refuse: messages over its limits, calls before Retry-After had passed."""
        return self.workspace.violations

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Serve until `stop`; port 0 takes a free one."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_get("/messages.json", self._messages)
        app.router.add_post("/press", self._press_from_page)
        app.router.add_get("/archives/{channel}/{message}", self._archive)
        app.router.add_get("/link/", self._presses.serve)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_route("*", "/services/{path:.+}", self._webhook)
        self.workspace.url = await self._serve(app, live_page, host, port)

    async def stop(self) -> None:
        self._stopping.set()
        if self._presses.sockets:
            await self._presses.sockets.aclose()
        await super().stop()

    def webhook(self, channel: str) -> str:
        """A new incoming webhook's address. Its calls are those of the method "webhook"."""
        path = f"{TEAM}/B0HOOK{len(self._webhooks) + 1:03d}/the-secret-of-a-webhook"
        self._webhooks[path] = channel
        return f"{self.url}services/{path}"

    def script(self, method: str, *faults: Fault) -> None:
        """The next calls of this method fail so, one fault each; afterwards it works again."""
        self._scripts[method].extend(faults)

    def called(self, method: str) -> list[Json]:
        """The arguments of every call of this method, oldest first."""
        return [call.arguments for call in self.calls if call.method == method]

    def messages(self, channel: str) -> list[Message]:
        """Everything in a conversation, given by name or id: oldest first, replies included."""
        conversation = self.workspace.conversation(channel)
        return list(conversation.messages.values()) if conversation else []

    def delete(self, message: Message) -> None:
        """Delete it, as a person in Slack would."""
        del self.workspace.conversations[message.channel].messages[message.ts]

    def interact(self, url: str, signing_secret: str) -> None:
        """Send what is pressed to this address, as an app's Interactivity Request URL has it."""
        self._presses.url, self._presses.signing_secret = url, signing_secret

    def interact_by_sockets(self, app_token: str) -> Sockets:
        """Send what is pressed by the connections that the app opens with this token, as Socket Mode does."""
        self._presses.app_token, self._presses.sockets = app_token, Sockets()
        return self._presses.sockets

    async def press(self, message: Message, action: str, user: str = "", **changes: Any) -> int:
        """Press the button that a message shows now, as this person (an id; the first by default), and answer the
        status that relay gave; by a socket 200 if it was acknowledged, else 0. LookupError if it shows no such button.
        `changes` go into the payload's one action."""
        button = button_of(message, action)
        if button is None:
            raise LookupError(f"no button {action} under {message.text!r}")
        return await self.send_press(message, button | changes, user)

    async def send_press(self, message: Message, button: Mapping[str, Any], user: str = "") -> int:
        person = self.workspace.users.get(user) or next(iter(self.workspace.users.values()))
        now = self._clock()
        payload = press_payload(
            message, button, person, user=user or person.id, app=self.pressed_app, team=self.pressed_in, at=now
        )
        return await self._presses.send(payload, now)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        arguments = await arguments_of(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or arguments.pop("token", "")
        call = SlackCall(request.match_info["method"], arguments, self._clock(), token)
        fault = self._begin(call, f"{call.method} {arguments.get('channel', '')}", call.method, "*")
        answer = self._answer(call) if fault is None or fault.applied else None
        async with self._changed:
            self._changed.notify_all()
        return answer if answer is not None and fault is None else await self._fail(request, call, fault or Fault())

    def _begin(self, call: SlackCall, *outages: str) -> Fault | None:
        """Keep the call; return its fault, which is scripted, or one of these outages."""
        self.calls.append(call)
        self._served += 1
        script = self._scripts[call.method]
        return script.popleft() if script else next(filter(None, map(self.outages.get, outages)), None)

    async def _webhook(self, request: web.Request) -> web.StreamResponse:
        """An incoming webhook: a message as JSON, and one word for an answer."""
        channel = self._webhooks.get(request.match_info["path"], "")
        message = await arguments_of(request) if request.content_type == "application/json" else {}
        call = SlackCall("webhook", {"channel": channel, **message}, self._clock(), token="")
        fault = self._begin(call, call.method)
        status, word = (
            (0, "") if fault and not fault.applied else self._webhook_answer(request.method, channel, message)
        )
        async with self._changed:
            self._changed.notify_all()
        return await self._fail(request, call, fault) if fault else web.Response(status=status, text=word)

    def _webhook_answer(self, method: str, channel: str, message: Json) -> tuple[int, str]:
        """https://docs.slack.dev/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks"""
        if not channel:
            return 404, "no_service"
        if method == "POST" and not message:
            return 400, "invalid_payload"  # how relay asks whether a webhook answers
        if method != "POST" or message.keys() - WEBHOOK_KEYS:
            self.violations.append(f"webhook: invalid_payload: {method} with {', '.join(sorted(message))}")
            return 400, "invalid_payload"
        answer = self.workspace.call("chat.postMessage", {**message, "channel": channel})
        if answer["ok"]:
            return 200, "ok"
        return 404 if answer["error"] == "channel_not_found" else 400, answer["error"]

    def _answer(self, call: SlackCall) -> web.Response:
        wait = self._paused_until.get(call.lane, 0.0) - call.at
        if wait > 0:
            self.violations.append(f"{call.method}: called {wait:.1f} s before Retry-After had passed")
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": f"{wait:.0f}"}
            )
        if call.method == "apps.connections.open":
            return web.json_response(self._presses.open_link(call.token, self.url))
        if call.token and call.token == (self._token or call.token):
            answer = self.workspace.call(call.method, call.arguments)
        else:
            answer = {"ok": False, "error": "invalid_auth" if call.token else "not_authed"}
        return web.json_response(answer, headers={"x-oauth-scopes": self.scopes})

    async def _fail(self, request: web.Request, call: SlackCall, fault: Fault) -> web.StreamResponse:
        if fault.hang:
            await self._stopping.wait()
        if (fault.hang or fault.close) and request.transport:
            request.transport.abort()
        if fault.status == 429 and "Retry-After" in fault.headers:
            self._paused_until[call.lane] = call.at + float(fault.headers["Retry-After"])
        if fault.body is not None:
            return web.Response(status=fault.status, body=fault.body, headers=fault.headers)
        answer = {"ok": False, "error": fault.error, **fault.extra} if fault.error else {"ok": True, **fault.extra}
        return web.json_response(answer, status=fault.status, headers=fault.headers)

    async def _press_from_page(self, request: web.Request) -> web.Response:
        """The page's own: a button was pressed there."""
        arguments = await arguments_of(request)
        conversation = self.workspace.conversations.get(str(arguments.get("channel")))
        message = conversation.messages.get(str(arguments.get("ts"))) if conversation else None
        if message is None or not self._presses.enabled:
            raise web.HTTPNotFound
        try:
            status = await self.press(message, str(arguments.get("action")), str(arguments.get("user") or ""))
        except (LookupError, ClientError):
            status = 0
        self._served += 1
        return web.json_response({"status": status})

    async def _archive(self, request: web.Request) -> web.Response:
        address = request.match_info
        raise web.HTTPFound(f"/#{address['channel']}-{address['message'].removeprefix('p')}")

    async def _messages(self, request: web.Request) -> web.Response:
        """Return the facts of the page."""
        return news(request, str(self._served), self.workspace.snapshot)
