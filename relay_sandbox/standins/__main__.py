"""A Slack and an inbox by themselves, for a relay of your own or a compose file: python -m relay_sandbox.standins."""

import argparse
import asyncio
import http.client
import smtplib
import sys

TIMEOUT = 3.0  # seconds


async def serve(host: str, port: int, smtp_port: int, slack_port: int) -> None:
    try:
        from relay_sandbox.standins.inbox import Inbox  # noqa: PLC0415 - who only asks needs no mail server
        from relay_sandbox.standins.slack import SlackStandin  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("aiosmtpd"):
            raise
        sys.exit("the inbox needs aiosmtpd, which is not installed: pip install 'operation-relay[demo]'")
    inbox = Inbox()
    await inbox.start(host, port, smtp_port)
    slack = SlackStandin()
    await slack.start(host, slack_port)
    print(f"inbox {inbox.url} (channels.email: {{host: {host}, port: {inbox.smtp_port}, tls: none}})")
    print(f"Slack {slack.url} (channels.slack: {{token: xoxb-any, base_url: {slack.base_url}}})", flush=True)
    await asyncio.Event().wait()


def check(port: int, smtp_port: int) -> None:
    """Check that the inbox that runs here shows its page and takes mails; leave with 1 and why it does not."""
    try:
        with smtplib.SMTP("127.0.0.1", smtp_port, timeout=TIMEOUT) as mail_server:
            mail_server.noop()
        page = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)  # straight there: it heeds no http_proxy
        try:
            page.request("GET", "/")
            status = page.getresponse().status
        finally:
            page.close()
    except (OSError, smtplib.SMTPException, http.client.HTTPException) as error:
        sys.exit(f"the inbox does not answer: {error}")
    if status != http.client.OK:
        sys.exit(f"the inbox does not answer: its page has the status {status}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m relay_sandbox.standins", description="A Slack and an inbox to look at."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025, help="of the inbox")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--slack-port", type=int, default=8026, help="of Slack: its page and its API")
    parser.add_argument("--ask", action="store_true", help="do not serve: ask the one that runs here how it is")
    options = parser.parse_args()
    if options.ask:
        check(options.port, options.smtp_port)
    else:
        asyncio.run(serve(options.host, options.port, options.smtp_port, options.slack_port))


if __name__ == "__main__":
    main()
