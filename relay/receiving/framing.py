"""Whether all readers of a request agree on where its body ends. Those on the way here may be others than aiohttp."""

from aiohttp import HttpVersion11, hdrs, web

from relay.receiving.problems import problem

ONLY_CHUNKED = "The only Transfer-Encoding that is understood here is chunked, once and alone."
TOO_OLD = "HTTP/1.0 has no Transfer-Encoding. Send HTTP/1.1, or a Content-Length."


def objection(request: web.BaseRequest) -> web.Response | None:
    """The refusal of a request whose body could be read in two ways (RFC 9112, section 6.1), if there is one.

    aiohttp takes every coding before `chunked` for none.
    """
    if hdrs.TRANSFER_ENCODING not in request.headers:
        return None
    if request.version < HttpVersion11:
        return problem(400, TOO_OLD, close=True)
    codings = [coding.strip(" \t").lower() for coding in request.headers.getall(hdrs.TRANSFER_ENCODING)]
    return None if codings == ["chunked"] else problem(501, ONLY_CHUNKED, close=True)
