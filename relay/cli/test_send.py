"""relay test-send: a real message to one destination, marked as a test, and what the other side answered."""

import click

from relay.cli.client import ClientCommand, post, printed
from relay.cli.options import visible


@click.command("test-send", cls=ClientCommand, short_help="Send a test message to a destination.")
@click.argument("name", metavar="DESTINATION")
@click.option("--event", default="", metavar="NAME",
              help="The event of the sample, for instance operation.failed or batch.completed; default: "
                   "operation.completed, or a digest if DESTINATION gets digests.")  # fmt: skip
def test_send(name: str, event: str) -> None:
    """Send a real message, marked as a test, to every address of DESTINATION, with the running relay's channel,
    templates and language. Print each answer: Slack's permalink, or the mail server's.

    Nobody is mentioned; rules, pauses and quiet hours do not apply. A mail server's answer means accepted, not
    delivered. Exit status 0 if each address was reached, else 1 with the reason and what to do.
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
