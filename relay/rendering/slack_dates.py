"""Slack's own dates: each reader sees one in their own zone, and near today by its name ("today at 15:40"). Pure.

https://docs.slack.dev/messaging/formatting-message-text#date-formatting. Where Slack shows no dates, in a
notification or a table, the text stands that comes with each: the time in the destination's zone, with day and zone.
"""

import re

from markupsafe import Markup

from relay.domain.display import escape_mrkdwn
from relay.rendering.localized_values import LONGEST, Localizer, moment

# How Slack writes a time, and how it is written for those to whom Slack does not. Days without a time stay as they are.
FORMS = {
    "short": ("{date_short_pretty} {time}", "zoned"),
    "at": ("{date_short_pretty} at {time}", "zoned at"),
    "full": ("{date_pretty} {time}", "zoned"),
    "day": ("{date_short_pretty} {time}", "zoned"),
}

_DATE = re.compile(r"<!date\^\d+\^[^<>|]*\|([^<>]*)>")


def slack_time(formats: Localizer, value: object, style: str = "short") -> str:
    """A time of the documents as `Localizer.localtime` takes it, in Slack's notation."""
    if not isinstance(value, str) or len(value) > LONGEST:
        return _slack_time(formats, value, style)
    key = value, style, formats.zone, formats.now.year
    return formats.language.patterns.remembered(key, lambda: _slack_time(formats, value, style))


def _slack_time(formats: Localizer, value: object, style: str) -> str:
    time = moment(value)
    if time is None or style not in FORMS or value == str(time.date()) or time.timestamp() < 0:
        return formats.localtime(value, style)
    form, otherwise = FORMS[style]
    form = formats.language.translations.pgettext("time", form)
    minute = int(time.timestamp()) // 60 * 60  # no more is shown, so what is shown alike is alike
    shown = formats.localtime(time, otherwise)
    return Markup(f"<!date^{minute}^{escape_mrkdwn(form)}|{escape_mrkdwn(shown)}>")  # noqa: S704 - escaped


def plain_dates(text: str) -> str:
    """The text with every date as it is written for those to whom Slack does not write it."""
    return _DATE.sub(r"\1", text) if "<!date^" in text else text
