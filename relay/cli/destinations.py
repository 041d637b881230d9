"""relay suppressed, digest, test-send and send: addresses, destinations, and events that relay signs itself."""

from collections.abc import Mapping

import click

from relay.cli.client import ClientCommand, Group, get, perform, post, printed
from relay.cli.options import headers_option, read_event, visible
from relay.cli.screen import Cell, print_list, when

REASONS = {"unsubscribed": "unsubscribed by its reader", "bounced": "bounced", "suppressed": "added by an operator"}
COLUMNS: Mapping[str, Cell] = {
    "since": lambda row: when(row["at"]),
    "address": "address",
    "at": lambda row: "everywhere" if row["destination"] == "*" else row["destination"],
    "why": lambda row: ": ".join(filter(None, (REASONS.get(row["reason"], row["reason"]), row["detail"]))),
}


@click.group(cls=Group)
def suppressed() -> None:
    """Suppressed addresses get no messages: unsubscribed by their readers, bounced, or added by an operator.

    New deliveries to them are held; queued ones are not sent.
    """


destination_option = click.option(
    "-d", "--destination", default="", metavar="NAME", help="Only at this destination; default: all."
)
address_argument = click.argument("address", metavar="ADDRESS")


@suppressed.command("list", cls=ClientCommand, short_help="List suppressed addresses with their reasons.")
def list_() -> None:
    """List suppressed addresses with their reasons, oldest first."""
    print_list(get("/suppressed"), COLUMNS, "No addresses are suppressed.", whole=("since",))


@suppressed.command(cls=ClientCommand, short_help="Suppress an address.")
@address_argument
@destination_option
def add(address: str, destination: str) -> None:
    """Suppress an address, whatever the rules say."""
    perform("/suppressed/add", address=address, destination=destination or "*")


@suppressed.command(cls=ClientCommand, short_help="Remove an address from the list.")
@address_argument
@destination_option
def remove(address: str, destination: str) -> None:
    """Remove an address from the list, and forget its bounces. Exit status 1 if it was not on the list.

    Readers unsubscribe on purpose: ask them first.
    """
    perform("/destinations/allow", address=address, destination=destination)


DIGESTS: Mapping[str, Cell] = {
    "digest": "destination",
    "for": "address",
    "schedule": lambda row: f"{row['at']} {row['days']}, {row['timezone']}",
    "next": lambda row: when(row["next"]),
    "entries": "entries",
}


@click.command(cls=ClientCommand)
@click.argument("name", metavar="[DESTINATION]", default="")
@click.option("--address", metavar="ADDRESS", help="The recipient whose digest is shown; default: the first.")
@click.option("--send", "at_once", is_flag=True, help="Send it now; later entries are sent at the usual time.")
def digest(name: str, address: str | None, *, at_once: bool) -> None:
    """List every digest with its schedule and the number of its entries; with DESTINATION, show the one there as it
    would be sent now, or send it early.

    --json adds the mail's HTML. Exit status 1 if there is nothing to send.
    """
    if not name:
        if at_once or address:
            raise click.UsageError("name the DESTINATION")
        print_list(get("/digests"), DIGESTS, "No destination has mode: digest.")
    elif at_once:
        perform("/digests/send", name=name)
    else:
        facts = get("/destination/digest", name=name, address=address)
        if not printed(facts):
            click.echo(visible(facts["text"]))
        if facts["fault"]:
            click.echo(visible(f"a template failed, so this is relay's own wording: {facts['fault']}"), err=True)


@click.command("test-send", cls=ClientCommand)
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


OUT_OF_TIME = "its receipt (sources."  # in the answer to an event of another time


@click.command(cls=ClientCommand)
@click.argument("event", metavar="EVENT.json", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--source", default="", metavar="NAME",
              help="The source of the event; default: the first without a fixed event.")  # fmt: skip
@click.option("--now", is_flag=True,
              help="Set the event's own time to the present, and shift all other times with it.")  # fmt: skip
@headers_option
def send(event: str, source: str, *, now: bool, headers: dict[str, str]) -> None:
    """Sign the event in EVENT.json (- for standard input) with the secret of a source, and send it to the running
    relay, byte for byte, or with --now.

    If it is accepted, print who is notified, when and what delays it, as `relay explain` does. Exit status 0 if the
    answer is 2xx, else 1.
    """
    try:
        text = read_event(event).decode()
    except UnicodeDecodeError:
        raise click.BadParameter("expected UTF-8 text", param_hint="EVENT.json") from None
    answer = post("/events/send", event=text, source=source, now=now, headers=headers)
    if not printed(answer):
        click.echo(visible(answer["text"]), err=not answer["done"])
        if answer.get("explanation"):
            from relay.cli.explain import show_destinations  # noqa: PLC0415 - of what was accepted alone

            show_destinations(answer["explanation"])
        if not now and OUT_OF_TIME in answer["text"]:
            click.echo("The event's time is not accepted: send it with --now", err=True)
    if not answer["done"]:
        raise SystemExit(1)
