"""relay test-send: a real message to one destination, marked as a test, and what the other side answered."""

import click

from relay.cli.client import ClientCommand, post, printed
from relay.cli.options import visible


@click.command("test-send", cls=ClientCommand, short_help="Send a destination a message that is marked as a test.")
@click.argument("name", metavar="DESTINATION")
@click.option("--event", default="", metavar="NAME",
              help="What it tells of, for instance operation.failed or batch.completed; else operation.completed, "
                   "and a digest where DESTINATION gets digests.")  # fmt: skip
def test_send(name: str, event: str) -> None:
    """Send every address of DESTINATION one real message, marked as a test, by the running relay's own channel,
    templates and language, and say what the other side answered: Slack's permalink, or the mail server's answer.

    Nobody is called in it, and no rule, pause or quiet hours are asked. A mail server's yes says that it has the mail,
    not that it came. Leaves with 0 if each address was reached, with 1 if one was not, with the reason and what to do.
    """
    answer = post("/destinations/test", name=name, event=event)
    sent = answer.get("sent", ())
    if not printed(answer):
        for row in sent:
            click.echo(visible(f"{row['address']}: {row['error'] or row['answer']}"), err=bool(row["error"]))
        if not sent:
            click.echo(visible(answer["text"]), err=True)
        if sent and answer.get("fault"):  # else it is why nothing was sent
            click.echo(visible(f"a template failed, so this is relay's own wording: {answer['fault']}"), err=True)
    if not answer["done"] or any(row["error"] for row in sent):
        raise SystemExit(1)
