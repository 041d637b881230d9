"""A message that Slack refuses loses its looks, and never its words."""

from relay.channels.slack.channel import Slack
from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.channels.slack_channel import CONTENT, POST, decision, failing, posted, section


class TestRefusedMessages:
    async def test_without_its_blocks_the_message_keeps_its_words(self, channel: Slack, slack: SlackStandin) -> None:
        slack.script(POST, Fault(error="invalid_blocks"))

        message = await posted(channel, slack, mentions=("@here",))

        words = "🔴 *Failed* · Order-to-Cash Q3 EMEA\nSAP extractor did not answer for 300 s."
        assert (message.text, message.blocks) == (f"{words} <!here>", [])
        assert message.metadata["event_payload"]["delivery_id"] == "d-1"

    async def test_in_the_end_one_plain_line_is_left(self, channel: Slack, slack: SlackStandin) -> None:
        slack.script(POST, Fault(error="msg_blocks_too_long"), Fault(error="msg_too_long"))

        message = await posted(channel, slack, content={**CONTENT, "text": "Failed:\n\tOrder-to-Cash\x07 Q3"})

        assert (message.text, message.blocks) == ("Failed: Order-to-Cash Q3", [])

    async def test_a_message_refused_in_every_form_is_given_up_with_the_reason(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        detail = {"response_metadata": {"messages": ["[ERROR] must be less than 3001 characters [/blocks/0/text]"]}}
        slack.outages[POST] = Fault(error="invalid_blocks", extra=detail)

        error = await failing(channel)

        assert decision(error) == (True, "", False)
        assert "invalid_blocks, [ERROR] must be less than 3001 characters [/blocks/0/text]" in str(error)
        assert len(slack.called(POST)) == 3

    async def test_a_message_over_the_budget_is_cut_before_it_is_sent(
        self, channel: Slack, slack: SlackStandin
    ) -> None:
        footer = {"type": "context", "elements": [{"type": "mrkdwn", "text": "op-7f3a91c2"}]}
        blocks = [*(section(f"{number} {'x' * 2_990}") for number in range(4)), footer]

        message = await posted(channel, slack, content={"text": "Failed", "blocks": blocks})

        assert slack.violations == []
        assert [block["type"] for block in message.blocks] == ["section", "section", "section", "context"]
