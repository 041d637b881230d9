"""The inbox by itself, for a compose file: python -m relay.standins --smtp-port 1025 --port 8025."""

import argparse
import asyncio
import smtplib
import sys
import urllib.request

from relay.standins.inbox import Inbox

PATIENCE = 3.0  # seconds


async def serve(host: str, port: int, smtp_port: int) -> None:
    inbox = Inbox()
    await inbox.start(host, port, smtp_port)
    print(f"page {inbox.url}, SMTP on port {inbox.smtp_port}", flush=True)
    await asyncio.Event().wait()


def ask(port: int, smtp_port: int) -> None:
    """Whether the inbox that runs here shows its page and takes mails; leaves with 1 and why it does not."""
    try:
        with smtplib.SMTP("127.0.0.1", smtp_port, timeout=PATIENCE) as mail_server:
            mail_server.noop()
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE).close()
    except (OSError, smtplib.SMTPException) as error:
        sys.exit(f"the inbox does not answer: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m relay.standins", description="An inbox to look at.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025, help="of the page")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--ask", action="store_true", help="do not serve: ask the one that runs here how it is")
    options = parser.parse_args()
    if options.ask:
        ask(options.port, options.smtp_port)
    else:
        asyncio.run(serve(options.host, options.port, options.smtp_port))


if __name__ == "__main__":
    main()
