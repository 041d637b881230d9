"""`channels.slack` as people write it: tokens, addresses, limits, and the keys of older files, good for ever."""

import pytest
from pydantic import ValidationError

from relay.channels import CHANNELS
from relay.channels.slack.channel import Slack
from relay.channels.slack.settings import EDITS_PER_MINUTE, SlackSettings
from relay.config import parse_config
from relay.policy.recipients import MessageLimit
from tests.channels.slack_channel import TOKEN


def settings(keys: str) -> SlackSettings:
    text = f"""
sources: {{ops: {{signature: {{secrets: {{current: "a-secret-of-enough-length"}}}}}}}}
channels: {{slack: {{token: xoxb-the-token-of-the-test, {keys}}}}}
rules: []
"""
    configured = parse_config(text, env={}, channels=CHANNELS).channels["slack"]
    assert isinstance(configured, SlackSettings)
    return configured


@pytest.mark.parametrize(("value", "limit"), [("{count: 5, per: 1m}", MessageLimit(count=5, per=60.0)), ("off", None)])
def test_new_messages_are_limited_or_not(value: str, limit: MessageLimit | None) -> None:
    assert settings(f"new_message_limit: {value}").new_message_limit == limit


class TestSettings:
    @pytest.mark.parametrize(
        "token",
        ["", " ", "xoxb-", "xoxb-...", "${SLACK_BOT_TOKEN}", "changeme", "xoxb-your-token-here", "xoxb-***",
         "xoxb-tökén", "xoxb-1\r\nX: y", "<token>", "xoxb-xxxx"],
    )  # fmt: skip
    def test_a_token_that_is_none_is_refused_with_a_hint_where_to_find_one(self, token: str) -> None:
        with pytest.raises(ValidationError, match="bot token, xoxb-…, found under OAuth & Permissions"):
            SlackSettings(token=token)

    @pytest.mark.parametrize(
        ("token", "hint"),
        [
            ("https://hooks.slack.com/services/T/B/x", "incoming webhook"),
            ("xapp-1-A", "app-level"),
            ("xoxp-1-2", "not a user token"),
            ("xoxe.xoxb-1-x", "token rotation"),
            ("xoxe-1-x", "token rotation"),
            ("xoxc-1-2", "browser"),
            ("xoxd-1-2", "browser"),
            ("Bearer xoxb-1-2", "without the word Bearer"),
        ],
    )
    def test_another_secret_of_slack_is_recognised(self, token: str, hint: str) -> None:
        with pytest.raises(ValidationError, match=f"expected the app.s bot token, xoxb-….*{hint}") as caught:
            SlackSettings(token=token)

        assert token not in str(caught.value)

    @pytest.mark.parametrize("address", ["", "slack.com", "ftp://slack.com/", "https://", "https://slack.com:port/"])
    def test_an_address_that_is_none_is_refused(self, address: str) -> None:
        with pytest.raises(ValidationError, match=r"expected an http\(s\) address"):
            SlackSettings(token=TOKEN, base_url=address)

    def test_a_proxy_that_is_none_is_refused_without_repeating_it(self) -> None:
        with pytest.raises(ValidationError, match="expected the proxy's address") as caught:
            SlackSettings(token=TOKEN, proxy="user:hidden@proxy")

        assert "hidden" not in str(caught.value)


class TestAddresses:
    @pytest.mark.parametrize(
        "written", ["#process-mining", "#überwachung_2", "C0123ABCD", "G0123", "D0123", "U0123ABC"]
    )
    def test_a_conversation_is_a_name_or_an_id(self, written: str) -> None:
        assert Slack.addresses(written) == [written]

    @pytest.mark.parametrize(
        "written", [None, "", "#", 5, ["#a", "#b"], "@someone", "#two words", "https://slack.com/x"]
    )
    def test_anything_else_is_refused_with_what_was_expected(self, written: object) -> None:
        with pytest.raises(ValueError, match='"#operations" or its id such as "C0123ABCD"'):
            Slack.addresses(written)

    @pytest.mark.parametrize("written", ["process-mining", "#Process-Mining", "Process-Mining"])
    def test_a_misspelt_name_is_answered_with_the_likely_one(self, written: str) -> None:
        with pytest.raises(ValueError, match='did you mean "#process-mining"'):
            Slack.addresses(written)


class TestLimits:
    def test_a_new_message_is_limited_in_its_conversation_and_an_edit_in_the_workspace(self) -> None:
        new, edit = Slack.limits("#a")

        assert [limit.name for limit in (*new, *edit)] == ["slack:post:#a", "slack:edit"]
        assert new[0].period == 1.0

    def test_no_minute_sees_more_edits_than_slack_allows(self) -> None:
        _, (edit,) = Slack.limits("#a")

        assert edit.burst + 60 / edit.period <= EDITS_PER_MINUTE
        assert 0 <= edit.reserve < edit.burst
