"""Errors of Slack as DeliveryErrors: one table of codes, and the functions that read it.

The codes are those of https://docs.slack.dev/reference/methods/chat.postMessage and …/chat.update.
"""

import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

import aiohttp

from relay.domain.documents import mapping
from relay.errors import DeliveryError, Pause

WEBHOOK = "an incoming webhook"  # in place of a method's name
POSTS = frozenset({"chat.postMessage", WEBHOOK})  # what would make a second message; editing twice does no harm
OPEN = "apps.connections.open"  # with the app-level token
THROTTLED_FOR = 30.0  # seconds to wait when Slack throttles and does not say how long


class FailureKind(Enum):
    """Kind of a failure, which decides what happens to the message."""

    THROTTLED = "too many calls: wait, without losing an attempt"
    WORKSPACE = "nothing can be sent with this token: everything waits until someone has seen to it"
    CONVERSATION = "nothing can be sent there: that destination waits"
    MESSAGE = "this message will not be taken as it is: send less of it"
    GONE = "the message to edit is not there any more: post it anew"
    AWAY = "Slack, or the way there, is broken: nothing was sent, and everything waits"
    UNSENT = "not sent, and it may work later"
    UNKNOWN = "Slack is broken, and it may have been sent"


_CODES: Mapping[FailureKind, str] = {
    FailureKind.THROTTLED: "ratelimited rate_limited",
    FailureKind.WORKSPACE: """
        invalid_auth not_authed account_inactive token_revoked token_expired not_allowed_token_type missing_scope
        org_login_required ekm_access_denied team_access_not_granted accesslimited app_access_restricted
        enterprise_is_restricted two_factor_setup_required team_not_found message_limit_exceeded method_deprecated
        deprecated_endpoint unknown_method""",
    FailureKind.CONVERSATION: """
        channel_not_found not_in_channel is_archived is_inactive no_permission access_denied restricted_action
        restricted_action_read_only_channel restricted_action_thread_only_channel
        restricted_action_non_threadable_channel restricted_action_thread_locked external_channel_migrating
        messages_tab_disabled cannot_dm_bot user_not_found user_not_visible user_disabled
        action_prohibited posting_to_general_channel_denied channel_is_archived invalid_token no_service
        no_service_id no_active_hooks no_team team_disabled""",
    FailureKind.MESSAGE: """
        msg_too_long msg_blocks_too_long invalid_blocks invalid_blocks_format invalid_attachments
        attachment_payload_limit_exceeded no_text too_many_attachments too_many_contact_cards block_mismatch
        markdown_text_conflict metadata_too_large invalid_metadata_format invalid_metadata_schema
        metadata_must_be_sent_from_app invalid_arguments invalid_arg_name invalid_array_arg invalid_charset
        invalid_form_data invalid_post_type missing_post_type invalid_json json_not_object invalid_payload
        slack_connect_file_link_sharing_blocked slack_connect_canvas_sharing_blocked
        slack_connect_lists_sharing_blocked""",
    FailureKind.GONE: "message_not_found cant_update_message edit_window_closed",
    FailureKind.AWAY: "service_unavailable team_added_to_org",
    FailureKind.UNSENT: "request_timeout update_failed streaming_state_conflict",
    FailureKind.UNKNOWN: "fatal_error internal_error rollup_error",
}
KINDS: Mapping[str, FailureKind] = {code: kind for kind, codes in _CODES.items() for code in codes.split()}

# With these a reply finds no place in its thread, and is posted beside it.
UNTHREADABLE = frozenset({
    "message_not_found", "thread_not_found", "invalid_thread_ts", "cannot_reply_to_message", "thread_locked",
    "restricted_action_thread_locked", "restricted_action_non_threadable_channel",
})  # fmt: skip

# Advice to operators by code, else by kind: at run time, and where `relay check --live` asks beforehand.
# {app} is what the app's bot is called, {where} the conversation, {scope} what the app lacks.
_RESTRICTED = "who may post there is restricted: let the app, in the conversation's settings, or name another"
_UNARCHIVE = "unarchive it, or name another in the configuration"
_TOKEN = "Slack, OAuth & Permissions, Bot User OAuth Token"  # noqa: S105 - where people find it
_APP_TOKEN_CODES = ("invalid_auth", "not_authed", "not_allowed_token_type", "missing_scope", "account_inactive",
                    "token_revoked", "token_expired")  # fmt: skip
ADVICE: Mapping[str | FailureKind, str] = {
    "channel_not_found": "check its name; if it is private, type /invite @{app} in it, for only then the app sees it",
    "not_in_channel": "type /invite @{app} in {where}",
    **dict.fromkeys(("is_archived", "channel_is_archived"), _UNARCHIVE),
    **dict.fromkeys(("restricted_action", "restricted_action_read_only_channel"), _RESTRICTED),
    **dict.fromkeys(
        ("no_service", "no_service_id", "no_active_hooks", "invalid_token", "no_team", "team_disabled"),
        "make a new webhook in Slack, and write its address under channels.slack.webhooks",
    ),
    "action_prohibited": "an administrator of Slack restricts posting there",
    "missing_scope": "add {scope} in Slack under OAuth & Permissions, Scopes, Bot Token Scopes, and install the app "
    "again; `relay slack manifest` writes all that this configuration needs",
    "invalid_auth": f"check channels.slack.token, which is none of this Slack: copy the one under {_TOKEN}",
    "account_inactive": "check channels.slack.token: its app was removed from the workspace, so install it again and "
    f"copy its new token: {_TOKEN}",
    "token_revoked": f"check channels.slack.token, which was revoked: install the app again and copy {_TOKEN}",
    "not_allowed_token_type": f"channels.slack.token has to be the app's bot token, xoxb-…: {_TOKEN}",
    "token_expired": "channels.slack.token needs a new token",
    "restricted_action_thread_only_channel": "only replies are allowed there: name another in the configuration",
    **dict.fromkeys(
        (f"{OPEN} {code}" for code in _APP_TOKEN_CODES),
        "channels.slack.app_token has to be an app-level token of the same app, xapp-…, with the scope "
        "connections:write: Slack, Basic Information, App-Level Tokens",
    ),
    FailureKind.WORKSPACE: "check channels.slack.token and the app's installation in Slack",
    FailureKind.CONVERSATION: "check the conversation's settings and whether the app may post there",
    FailureKind.MESSAGE: "the template makes something Slack does not take",
}
APP = "relay"  # the bot's name until Slack has said it
ELSEWHERE = "that is not Slack's own way of refusing; check channels.slack.base_url and the proxies on the way"

_PAUSES: Mapping[FailureKind, Pause] = {
    FailureKind.THROTTLED: "limit",
    FailureKind.WORKSPACE: "channel",
    FailureKind.CONVERSATION: "destination",
    FailureKind.AWAY: "channel",
    FailureKind.UNKNOWN: "channel",
}
_CODE = re.compile(r"[a-z][a-z0-9_]{0,80}")
_SCOPE = re.compile(r"[a-z][a-z0-9_.:,]{0,80}")
# The request cannot have reached Slack: there was no connection to send it on.
_NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)


class SlackError(DeliveryError):
    """A call that failed; `code` is Slack's own word for it, empty if it gave none."""

    def __init__(self, message: str, call: str, kind: FailureKind, *, code: str = "", retry_after: float | None = None):
        if kind is FailureKind.THROTTLED:
            retry_after = retry_after or THROTTLED_FOR
        super().__init__(
            message,
            permanent=kind in (FailureKind.MESSAGE, FailureKind.GONE),
            retry_after=retry_after,
            outcome_unknown=kind is FailureKind.UNKNOWN and call in POSTS,
            pause="destination" if call == WEBHOOK and kind is FailureKind.WORKSPACE else _PAUSES.get(kind, ""),
            unsent=kind is not FailureKind.UNKNOWN,
            refused=kind is FailureKind.WORKSPACE,
        )
        self.kind = kind
        self.code = code


def refused(call: str, address: str, status: int, headers: Mapping[str, str], answer: Mapping[str, Any]) -> SlackError:
    """Translate an answer that is not Slack's "ok": `answer` is its JSON object, empty if it sent none."""
    code = _word(_CODE, answer.get("error"))
    kind = _kind_of(status, code, understood=answer.get("ok") is False)
    reason = ", ".join(filter(None, (code or f"HTTP {status}", *_details(answer))))
    scope = _word(_SCOPE, answer.get("needed"))
    todo = advice(f"{call} {code}") or advice(code, address, scope=scope) or advice(kind, address)
    todo = todo or ("" if code or status == 429 or not 300 <= status < 500 else ELSEWHERE)
    text = f"Slack answered {call}{f' to {address}' if address else ''} with {reason}{f': {todo}' if todo else ''}"
    return SlackError(text, call, kind, code=code, retry_after=_seconds(headers.get("Retry-After")))


def advice(code: str | FailureKind, where: str = "", app: str = APP, *, scope: str = "") -> str:
    """Return the advice about this refusal, '' if there is none."""
    needed = f"the scope {scope}" if scope else "the scope"
    return ADVICE.get(code, "").format(app=app, where=where or "the conversation", scope=needed)


def unanswered(call: str, address: str, error: Exception) -> SlackError:
    """Translate a call without an answer: the connection failed, broke, or nothing came in time."""
    sent = not isinstance(error, _NO_CONNECTION)
    match error:
        case aiohttp.ClientHttpProxyError():  # its own text holds the proxy's address, perhaps with a password
            reason = f"the proxy answered {error.status}"
        case aiohttp.ClientConnectorError():
            reason = f"no connection to {error.host}:{error.port}: {error.os_error}"
        case TimeoutError():
            reason = "no answer in time" if sent else "no connection in time"
        case _:
            reason = f"the connection broke before the answer was complete ({type(error).__name__})"
    text = f"Slack did not answer {call}{f' to {address}' if address else ''}: {reason}"
    return SlackError(text, call, FailureKind.UNKNOWN if sent else FailureKind.AWAY)


def _kind_of(status: int, code: str, *, understood: bool) -> FailureKind:
    if status == 429:
        return FailureKind.THROTTLED
    if code in KINDS:
        return KINDS[code]
    if status == 413:
        return FailureKind.MESSAGE
    # A plain no in Slack's own form is a refusal, even with a code we do not know; a redirect or a 4xx in another form
    # comes from something on the way. A 5xx is a refusal only if it says so in a code we know; an answer that cannot be
    # read says nothing at all.
    if understood and code and status < 500:
        return FailureKind.UNSENT
    if 300 <= status < 500:
        return FailureKind.AWAY
    return FailureKind.UNSENT if understood and status < 300 else FailureKind.UNKNOWN


def _word(form: re.Pattern[str], value: object) -> str:
    """Return Slack's word; what does not look like one is not repeated in our texts."""
    return value if isinstance(value, str) and form.fullmatch(value) else ""


def _details(answer: Mapping[str, Any]) -> list[str]:
    """List the missing scope, and where in the message the fault is."""
    needed = answer.get("needed")
    details = [f"needs {needed[:80]}"] if isinstance(needed, str) and needed else []
    messages = mapping(answer.get("response_metadata")).get("messages")
    if isinstance(messages, list):
        details += [re.sub(r"\s+", " ", message)[:120] for message in messages[:2] if isinstance(message, str)]
    return details


def _seconds(header: str | None) -> float | None:
    """Read Retry-After; Slack gives whole seconds."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return max(seconds, 1.0) if math.isfinite(seconds) else None
