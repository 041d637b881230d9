"""`relay sandbox` as people run it: killed in the middle of a batch it goes on, and its page shows what happens."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.support.browser import Browser, needs_chromium
from tests.support.patience import patience
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.slow


class Posts(BaseHTTPRequestHandler):
    """Remembers the bodies that were posted."""

    bodies: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def posts() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Posts) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def until(what: Callable[[], Any]) -> Any:
    """Return what `what` answers once it is something; the other side lives by its own clock."""
    deadline = time.monotonic() + patience()
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def test_a_batch_goes_on_after_a_kill(tmp_path: Path, posts: ThreadingHTTPServer) -> None:
    options = ("--data-dir", str(tmp_path), "--speed", "300")
    events = ["operation.started", "operation.progress", "operation.phase.completed", "operation.completed",
              "batch.started", "batch.operation.completed", "batch.completed"]  # fmt: skip
    members = [
        {"operationKey": key, "operationName": key, "operationType": "DataEnrichment", "dependencies": before,
         "parameters": {"sandbox": {"duration": 300}}}
        for key, before in (("a", []), ("b", ["a"]), ("c", ["b"]))
    ]  # fmt: skip
    with SandboxProcess(*options) as first:
        first.ask(
            "/webhooks", {"webhookUrl": f"http://127.0.0.1:{posts.server_port}", "webhookName": "x", "events": events}
        )
        batch = first.ask("/batch", {"batchName": "x", "operations": members})
        until(lambda: any(body["event"] == "batch.operation.completed" for body in Posts.bodies))
        first.kill()
        port = first.port
    with SandboxProcess(*options, port=port) as second:
        until(lambda: second.ask(f"/batch/{batch['batchId']}")["status"] == "Completed")
        found = second.ask(f"/batch/{batch['batchId']}")
        # Operations and their batch are told side by side: the batch's end is not the last to arrive.
        until(lambda: len({body["eventId"] for body in Posts.bodies}) >= 80)
    assert [row["status"] for row in found["operations"]] == ["Completed"] * 3
    # Sent again at the most once, where the kill came between an answer and its note; never lost, never another event.
    distinct = {body["eventId"]: body["event"] for body in Posts.bodies}
    assert Counter(distinct.values()) == {
        "operation.started": 3, "operation.progress": 57, "operation.phase.completed": 12, "operation.completed": 3,
        "batch.started": 1, "batch.operation.completed": 3, "batch.completed": 1,
    }  # fmt: skip
    assert len(Posts.bodies) - len(distinct) <= 4


def value(browser: Browser, *names: str) -> Any:
    return browser.ask(f"{json.dumps(names)}.map(name => document.getElementById('start').elements[name].value)")


def text(browser: Browser, id_: str) -> str:
    return str(browser.ask(f"document.getElementById('{id_}').textContent"))


@needs_chromium
def test_the_page_opens_where_something_happens_and_says_how_fast_it_goes(tmp_path: Path) -> None:
    options = ("--speed", "180", "--data-dir", str(tmp_path))
    with SandboxProcess(*options) as running, Browser() as browser:
        browser.show(running.page, width=1100)
        until(lambda: text(browser, "more").startswith("No operations yet"))
        assert value(browser, "tenant", "project", "duration") == ["demo", "demo", "21600"]
        assert (text(browser, "speed"), text(browser, "takes")) == ("speed 180: a minute takes 0.33 s", "= 2 min")

        running.ask("/operation", {"operationType": "ReportGeneration", "operationName": "x"}, scope="acme/monthly")
        until(lambda: value(browser, "tenant", "project") == ["acme", "monthly"])

        browser.ask("document.querySelector('button.main').click()")
        until(lambda: "Customer Journey Analysis" in text(browser, "operations"))
        rows = running.ask("/operations", scope="acme/monthly")["operations"]
        assert [row["operationName"] for row in rows] == ["Customer Journey Analysis", "x"]


def test_the_page_needs_nothing_from_outside() -> None:
    page = (Path(__file__).parents[2] / "relay_sandbox/api/page.html").read_text()
    assert "src=" not in page
    assert all(address.startswith(("www.w3.org", "localhost")) for address in page.split("http://")[1:])
    assert "https://" not in page
    assert "innerHTML" not in page
