"""Slack's mrkdwn as a page shows it: what its reader sees, and nothing that does anything."""

import pytest

from relay.console.mrkdwn import mrkdwn


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*Sales* _now_ ~late~", "<b>Sales</b> <i>now</i> <s>late</s>"),
        ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4"),
        ("a &amp; b &lt;i&gt;", "a &amp; b &lt;i&gt;"),
        ("<https://x.example/?a=1&amp;b=2|View>", '<span class="link" title="https://x.example/?a=1&amp;b=2">View</span>'),
        ("*<https://x.example|all>*", '<b><span class="link" title="https://x.example">all</span></b>'),
        ("<!date^1773049200^{time}|on 9 Mar>", "on 9 Mar"),
        ("<@U1|jana> <!here> <#C1|room>", "jana @here room"),
        ("`a *b*` and\n```one <https://x.example|two>```",
         "<code>a *b*</code> and<br><pre>one &lt;https://x.example|two&gt;</pre>"),
    ],
)  # fmt: skip
def test_its_reader_sees_it_so(text: str, html: str) -> None:
    assert mrkdwn(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<javascript:alert(1)|press>",
        '<https://x.example/"onmouseover="alert(1)|<img src=x onerror=alert(1)>>',
        "```<img src=x onerror=alert(1)>```",
        "`<svg onload=alert(1)>`",
        "\ue0000\ue001 *\ue0009\ue001*",
        "<!date^1^x|<script>alert(1)</script>>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ],
)
def test_nothing_of_it_does_anything(text: str) -> None:
    html = str(mrkdwn(text)).lower()
    for tag in ("<script", "<img", "<svg", "href", '" onmouseover', '"onmouseover'):
        assert tag not in html
