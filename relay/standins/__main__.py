"""The inbox by itself, for a compose file: python -m relay.standins --smtp-port 1025 --port 8025."""

import argparse
import asyncio

from relay.standins.inbox import Inbox


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m relay.standins", description="An inbox to look at.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025, help="of the page")
    parser.add_argument("--smtp-port", type=int, default=1025)
    options = parser.parse_args()
    inbox = Inbox()
    await inbox.start(options.host, options.port, options.smtp_port)
    print(f"page {inbox.url}, SMTP on port {inbox.smtp_port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
