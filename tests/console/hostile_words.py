"""Words that try to become more than words, wherever a page, a stream or a script might take them for its own.

Each says `planted` in what it would bring into a page, and calls `ran` with its own name where it would run.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

MARK = "planted"

WORDS: Mapping[str, str] = {
    "script": "<script planted>ran('script')</script>",
    "picture": "<img planted src=/planted onerror=ran('picture')>",
    "cell": "</td></tr></table></dl></pre></main><script planted>ran('cell')</script>",
    "drawing": "</title></svg><svg planted onload=ran('drawing')><script>ran('drawing')</script></svg>",
    "quote": "\" planted autofocus tabindex=0 onfocus=\"ran('quote')\" x=\"",
    "apostrophe": "' planted autofocus tabindex=0 onfocus='ran(\"apostrophe\")' x='",
    "bare": "x planted autofocus onfocus=ran('bare') ",
    "field": "</textarea></select></option></title><input planted autofocus onfocus=ran('field')>",
    "style": "</style><style planted>@import '/planted'; * { background: url(/planted) }</style>",
    "colour": "\" planted style=\"background: url(/planted); position: fixed; inset: 0",
    "frame": "<iframe planted srcdoc=\"<script>parent.ran('frame')</script>\"></iframe>",
    "address": "javascript:ran('address')",
    "spelled": "\x01 jAvA\tsCrIpT\n:ran('spelled')//https://",
    "document": "data:text/html,<script planted>top.ran('document')</script>",
    "link": "<a planted href=\"javascript:ran('link')\">Open</a>",
    "elsewhere": "https://planted.example/\"><script planted>ran('elsewhere')</script>",
    "slashes": "//planted.example/\\@127.0.0.1",
    "base": "<base planted href=//planted.example/><link planted rel=stylesheet href=/planted>",
    "refresh": "<meta planted http-equiv=refresh content=\"0;url=/planted\">",
    "form": "</form><form planted method=post action=/console/dead/drop><button autofocus formaction=/planted>",
    "htmx get": "<b planted hx-get=/planted hx-trigger=load hx-boost=true hx-swap=outerHTML hx-target=body></b>",
    "htmx on": "<b planted hx-on:load=\"ran('htmx on')\" hx-on::after-init=\"ran(1)\" hx-vals=\"js:ran(1)\"></b>",
    "htmx swap": "<main planted id=main hx-swap-oob=true></main><hx-partial planted hx-target=body>x</hx-partial>",
    "htmx stream": "<b planted hx-ext=sse hx-sse:connect=/planted data-hx-get=/planted hx-trigger=load></b>",
    "template": "{{ 7 * 7 }}{% raw %}{{ self.__init__.__globals__ }}${7*7}#{7*7}<%= 7 %>",
    "format": "%(x)s %(name)s %s %n %% {address} {0} {x.__class__} <b planted>",
    "mrkdwn": "<!channel> <javascript:ran('mrkdwn')|Open> <https://planted.example|Open> <@U1> *b* `c`",
    "stream": "x\r\nevent: planted\r\ndata: <script planted>ran('stream')</script>\r\nid: 1\nretry: 1\n\n\rdata: x",
    "disguise": "\u202e\u2066\u200b\ufeff＜script planted＞ran('disguise')＜/script＞\u2028<\u00adscript>\u2029",
    "entity": "&lt;script planted&gt;ran('entity')&lt;/script&gt;&#x3c;img planted src=x onerror=ran('entity')&#x3e;",
    "json": "</script><script planted>ran('json')</script>\\u003cscript planted\\u003e{\"planted\": \"\\\"}]\"}<!--",
    "comment": "--><!--><script planted>ran('comment')</script>]]><![CDATA[<script planted>ran('comment')</script>",
    "mutation": "<math><mtext><table><mglyph><style><!--</style><img planted src=/planted onerror=ran('mutation')>",
    "nul": "<\x00script planted>ran('nul')</script><scr\x00ipt planted>ran('nul')</script>",
    "long": "<b planted>" * 20,
}  # fmt: skip

# What says which event it is, and when: with anything else there, it is none.
IDENTITY = {"event", "timestamp", "status", "startTime", "endTime", "dateCreated", "timeoutAt"}
SHORTEST = 60  # characters, of which some fields may have no more


def spoilt(document: Mapping[str, Any], word: str, **known: Any) -> dict[str, Any]:
    """The document with this word in every text, in names of its own, and `known` as they are."""

    def walk(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: walk(inner, name) for name, inner in value.items()} | {word: word}
        if isinstance(value, list):
            return [walk(inner, key) for inner in value]
        if not isinstance(value, str) or key in IDENTITY:
            return value
        return word[:SHORTEST] if key in ("operationType", "priority") else word

    whole: dict[str, Any] = walk(deepcopy(dict(document)), "") | known
    return whole
