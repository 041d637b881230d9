"""relay send: an event that the running relay signs and sends to itself, as its source would."""

import click

from relay.cli.client import ClientCommand, post, printed
from relay.cli.options import read_event, visible


@click.command(cls=ClientCommand, short_help="Sign one event and send it.")
@click.argument("event", metavar="EVENT.json", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--source", default="", metavar="NAME",
              help="The source that it comes from; else the first that fixes no event.")  # fmt: skip
@click.option("--now", is_flag=True,
              help="As if it happened now: its timestamp is the present time, and all its other times keep their "
                   "distance from that.")  # fmt: skip
def send(event: str, source: str, *, now: bool) -> None:
    """Let the running relay sign the event in EVENT.json (- for standard input) with the secret of a source, and send
    it to its own address: byte for byte as it stands there, or with --now.

    Of what is accepted it says who is told, when and what holds it back, as `relay explain` does. Leaves with 0 if the
    answer is a 2xx, else with 1.
    """
    try:
        text = read_event(event).decode()
    except UnicodeDecodeError:
        raise click.BadParameter("expected UTF-8 text", param_hint="EVENT.json") from None
    answer = post("/events/send", event=text, source=source, now=now)
    if not printed(answer):
        click.echo(visible(answer["text"]), err=not answer["done"])
        if answer.get("explanation"):
            from relay.cli.explanation import show_destinations  # noqa: PLC0415 - of what was accepted alone

            show_destinations(answer["explanation"])
    if not answer["done"]:
        raise SystemExit(1)
