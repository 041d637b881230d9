"""Why requests are refused: each reason in a word or two, what it means, and what the sender or the operator does."""

from collections.abc import Mapping

from relay.console.words import said

# Each in a word or two, for the first page.
WORDS = {
    "signature_missing": said("signature missing"), "signature_wrong": said("signature wrong"),
    "signature_old": said("signature too old"), "rate_limited": said("too many"), "not_json": said("not JSON"),
    "invalid": said("no event"), "reach": said("not allowed to say that"), "early": said("not begun"),
    "time": said("too old"), "fault": said("fault of relay"), "too_large": said("too large"),
    "unsupported": said("unsupported"), "too_slow": said("too slow"), "wrong_method": said("wrong method"),
    "unknown_source": said("no such source"), "unavailable": said("unavailable"),
}  # fmt: skip

# By the outcome under which most requests of a source are counted (relay/receiving/receiver.py): what that is.
MOSTLY = {
    "malformed": said("mostly since the body is not JSON"),
    "unsigned": said("mostly since the signature is missing, wrong or too old"),
    "too_slow": said("mostly since the body did not come in time"),
    "too_large": said("mostly since the body is larger than server.max_body"),
    "unsupported": said("mostly since the content type or encoding is none that relay reads"),
    "invalid": said("mostly since the body is no event that relay takes from it"),
    "rate_limited": said("mostly since more came than the source may send"),
    "unavailable": said("mostly since relay could not make them durable"),
    "fault": said("mostly since relay itself failed on them"),
}

# What each reason means, and what the sender, or the operator, does about it.
REASONS: Mapping[str, tuple[str, str]] = {
    "signature_missing": (
        said("The request had no signature."),
        said("Let the sender sign with the source's scheme and secret; see signature in the configuration."),
    ),
    "signature_wrong": (
        said("No secret of the source makes this signature: another secret, or the body was changed on its way."),
        said("Compare the secret on both sides. A proxy must hand the body on byte by byte."),
    ),
    "signature_old": (
        said("The signature is older, or newer, than signature.tolerance allows."),
        said("Set the clocks of sender and relay. Old requests that are sent again have to be signed anew."),
    ),
    "rate_limited": (
        said("More requests came than the source may send; they were answered 429."),
        said("A sender that tries again loses nothing. Raise rate_limit of the source, if that is too little."),
    ),
    "not_json": (said("The body is not JSON."), said("See what the sender sends; only signed bodies are kept.")),
    "invalid": (
        said("The body is JSON, and no event that relay understands."),
        said("The quarantine has it, with what was expected. Mend the sender, or replay it with a newer relay."),
    ),
    "reach": (
        said("The source may not say this: other events, tenants or projects, or it may begin no operation."),
        said("Widen events, tenants, projects or may_begin_operations of the source, then replay it."),
    ),
    "early": (
        said("It is about an operation that no signed source has begun, and this source may begin none."),
        said("Let the source that begins it send first, or set may_begin_operations."),
    ),
    "time": (
        said("What it tells happened longer ago than max_age of the source allows."),
        said("Set the sender's clock, or raise max_age of the source."),
    ),
    "fault": (
        said("relay itself failed on it; it is kept in the quarantine."),
        said("Please report it. Replay it once relay is mended."),
    ),
    "too_large": (said("The body is larger than server.max_body."), said("Raise server.max_body, or send less.")),
    "unsupported": (
        said("The content type or encoding is none that relay reads."),
        said("Send application/json, without compression."),
    ),
    "too_slow": (said("The body did not come in time."), said("Look at the network, or at the proxy between.")),
    "wrong_method": (said("It was no POST."), said("Webhooks are sent with POST.")),
    "unknown_source": (
        said("There is no source of this name: the address ends with a name that the configuration does not have."),
        said("Compare the address that the sender uses with sources of the configuration."),
    ),
    "unavailable": (
        said("relay could not make it durable then, and answered 503."),
        said("A sender that tries again loses nothing. See on the first page how Redis is."),
    ),
}  # fmt: skip
