"""What a browser sends: the small forms of the door, the token that every other one carries, and who has to log in."""

from urllib.parse import parse_qsl, quote

from aiohttp import web
from multidict import MultiDict

from relay.console.access.origin import LOGIN, alike, leading_back
from relay.console.access.who import Who
from relay.receiving import request_body
from relay.receiving.problems import HttpProblem

LOOKING = ("GET", "HEAD")  # what changes nothing, and any role may
FORM = "application/x-www-form-urlencoded"  # as which all our pages send theirs
MAX_BODY = 4096  # bytes of a form of the door
LARGEST, MOST_FIELDS = 1024 * 1024, 2000  # bytes of any other, which names hundreds of rows
BODY_TIMEOUT = 10.0  # seconds
FIELDS = web.RequestKey("fields", MultiDict[str])


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a small form, each once. Raises HttpProblem if it does not come, or is too large."""
    body = await request_body.read(request, most=MAX_BODY, seconds=BODY_TIMEOUT)
    if request.content_type != FORM:
        return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


async def read_fields(request: web.Request) -> MultiDict[str]:
    """Those of the form of a page, which may be asked for again; none of what is no form. Raises HttpProblem."""
    if request.content_type != FORM:
        return MultiDict()
    if FIELDS not in request:
        body = await request_body.read(request, most=LARGEST, seconds=BODY_TIMEOUT)
        try:
            pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise HttpProblem(413, f"A form may have up to {MOST_FIELDS} fields.") from None
        request[FIELDS] = MultiDict(pairs)
    return request[FIELDS]


def to_login(request: web.Request) -> web.Response:
    """To come back afterwards, to a page: what was posted is not posted again."""
    fragment = request.headers.get("HX-Request") == "true"
    here = request.headers.get("HX-Current-URL", "").partition("//")[2].partition("/")[2] if fragment else ""
    back = f"/{here}" if fragment else request.path_qs if request.method in LOOKING else ""
    login = f"{LOGIN}?next={quote(leading_back(back), safe='')}" if back else LOGIN
    if fragment:
        return web.Response(status=401, headers={"HX-Redirect": login})
    return web.Response(status=303, headers={"Location": login})


def shows(request: web.Request, who: Who) -> bool:
    return alike(request.headers.get("X-CSRF-Token", ""), who.csrf)


async def carries(request: web.Request, who: Who) -> bool:
    """In the header, or as a field of the form, which the handler may read again."""
    if shows(request, who):
        return True
    return alike((await read_fields(request)).get("csrf", ""), who.csrf)
