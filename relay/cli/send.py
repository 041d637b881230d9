"""relay send: an event that the running relay signs and sends to itself, as its source would."""

import click

from relay.cli.client import ClientCommand, post, printed
from relay.cli.options import read_event, visible

OUT_OF_TIME = "its receipt (sources."  # in the answer to an event of another time


@click.command(cls=ClientCommand)
@click.argument("event", metavar="EVENT.json", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--source", default="", metavar="NAME",
              help="The source of the event; default: the first without a fixed event.")  # fmt: skip
@click.option("--now", is_flag=True,
              help="Set the timestamp to the present time, and shift all other times with it.")  # fmt: skip
def send(event: str, source: str, *, now: bool) -> None:
    """Sign the event in EVENT.json (- for standard input) with the secret of a source, and send it to the running
    relay, byte for byte, or with --now.

    If it is accepted, print who is notified, when and what delays it, as `relay explain` does. Exit status 0 if the
    answer is 2xx, else 1.
    """
    try:
        text = read_event(event).decode()
    except UnicodeDecodeError:
        raise click.BadParameter("expected UTF-8 text", param_hint="EVENT.json") from None
    answer = post("/events/send", event=text, source=source, now=now)
    if not printed(answer):
        click.echo(visible(answer["text"]), err=not answer["done"])
        if answer.get("explanation"):
            from relay.cli.explain import show_destinations  # noqa: PLC0415 - of what was accepted alone

            show_destinations(answer["explanation"])
        if not now and OUT_OF_TIME in answer["text"]:
            click.echo("The event's time is not accepted: send it with --now", err=True)
    if not answer["done"]:
        raise SystemExit(1)
