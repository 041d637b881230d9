"""Unsubscribe page in English and German, and its Content-Security-Policy. Pure."""

from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template

from relay.policy.recipients import NAME as DYNAMIC

TEXTS = {
    "en": {
        "ask": ("Unsubscribe?", "{address} receives mails {about}. Do you want to end them?", "", "Unsubscribe"),
        "done": ("Unsubscribed", "{address} no longer receives mails {about}.", "By mistake?", "Subscribe again"),
        "undone": ("Subscribed again", "{address} receives mails {about} again.", "", ""),
        "wrong": ("This link does not work", "It is incomplete, too old, or not from here. Please take the one in the "
                  "newest mail, or ask those whom the mail is from.", "", ""),
        "later": ("Not just now", "Nothing has changed. Please try again in a minute.", "", ""),
        "about": "from the list “{destination}”",
        "about_dynamic": "about operations that were started with this address",
    },
    "de": {
        "ask": ("Abbestellen?", "{address} erhält E-Mails {about}. Möchten Sie sie abbestellen?", "", "Abbestellen"),
        "done": ("Abbestellt", "{address} erhält keine E-Mails mehr {about}.", "Ein Versehen?", "Wieder bestellen"),
        "undone": ("Wieder bestellt", "{address} erhält wieder E-Mails {about}.", "", ""),
        "wrong": ("Dieser Link funktioniert nicht", "Er ist unvollständig, zu alt oder nicht von hier. Bitte nehmen "
                  "Sie den aus der neuesten E-Mail, oder fragen Sie deren Absender.", "", ""),
        "later": ("Gerade nicht möglich", "Es hat sich nichts geändert. Bitte versuchen Sie es in einer Minute noch "
                  "einmal.", "", ""),
        "about": "aus der Liste „{destination}“",
        "about_dynamic": "zu Vorgängen, die mit dieser Adresse gestartet wurden",
    },
}  # fmt: skip
# What a button sends. Mail programs send the first by themselves: https://www.rfc-editor.org/rfc/rfc8058#section-3.1
ONE_CLICK, UNDO = ("List-Unsubscribe", "One-Click"), ("undo", "1")
SENDS = {"ask": ONE_CLICK, "done": UNDO}

_FRAME = Path(__file__).with_suffix(".html").read_text("utf-8")
_STYLE = _FRAME.partition("<style>")[2].partition("</style>")[0]
_DIGEST = b64encode(sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def language_of(accepted: str) -> str:
    """Return the first language of an Accept-Language header or a mail that the page has; English otherwise."""
    for entry in accepted.lower().split(","):
        code = entry.partition(";")[0].strip().replace("_", "-").partition("-")[0]
        if code in TEXTS:
            return code
    return "en"


def page(name: str, language: str, destination: str = "", address: str = "") -> str:
    """Build one of ask, done, undone, wrong and later as a whole HTML document."""
    texts = TEXTS[language]
    title, text, question, button = texts[name]
    # The list is part of a sentence in two languages, and only sentences are translated.
    about = str(texts["about_dynamic" if destination == DYNAMIC else "about"])
    marked = {"destination": escape(destination)}
    sentence = text.format(address=f"<strong>{escape(address)}</strong>", about=about.format(**marked))
    form = ""
    if button:
        field, value = SENDS[name]
        form = (
            f'<form method="post">{f"<p>{question}</p>" if question else ""}'
            f'<button name="{field}" value="{value}">{button}</button></form>'
        )
    return Template(_FRAME).substitute(language=language, title=title, text=sentence, form=form)
