"""The public listener's addresses: one table, and the one way of a request through it to its answer."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from aiohttp import hdrs, web

from relay.receiving.answers import Written, label
from relay.receiving.problems import HttpProblem, answering

READ = (hdrs.METH_GET, hdrs.METH_HEAD)


@dataclass(frozen=True, slots=True)
class Route:
    """`path` has a name in braces for a segment that may be any; the handler gets it by that name.

    Without `methods` the handler is asked with all of them.
    """

    path: str
    handler: Callable[..., Awaitable[web.StreamResponse]]
    methods: tuple[str, ...] = ()


class Addresses:
    """A table of routes. A path's first segment and the number of its segments say which it is."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.paths: set[str] = set()
        self._resources: dict[tuple[object, ...], tuple[list[str], dict[str, Route]]] = {}
        self._answered: Callable[[Any, Any], Awaitable[web.StreamResponse]] = answering()
        self._find = lru_cache(256)(self._route)  # a sender calls the same address with each event
        for route in routes:
            segments = route.path.split("/")
            pattern, by_method = self._resources.setdefault(_key(segments), (segments, {}))
            if pattern != segments:
                raise ValueError(f"{route.path} and {'/'.join(pattern)} cannot be told apart")
            by_method |= dict.fromkeys(route.methods or ("",), route)
            self.paths.add(route.path)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request: the handler of a `web.Server`. Every error becomes a problem document."""
        response = await self._answered(request, self._handled)
        if not isinstance(response, Written):
            await label(request, response)
        return response

    async def _handled(self, request: web.BaseRequest) -> web.StreamResponse:
        route, names = self._find(request.method, request.rel_url.raw_path)
        return await route.handler(request, **names)

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        segments = path.split("/")
        pattern, by_method = self._resources.get(_key(segments), ([], {}))
        names: dict[str, str] = {}
        for expected, segment in zip(pattern, segments, strict=False):
            if expected.startswith("{") and segment:
                names[expected[1:-1]] = unquote(segment) if "%" in segment else segment
            elif expected != segment:
                raise HttpProblem(404)
        if route := by_method.get(method) or by_method.get(""):
            return route, names
        if by_method:
            raise HttpProblem(405, headers={"Allow": ",".join(sorted(by_method))})
        raise HttpProblem(404)


def _key(segments: list[str]) -> tuple[object, ...]:
    return len(segments), *segments[:2]  # `OPTIONS *` has one
