"""A decision as a page for people."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from relay.cli.options import visible
from relay.cli.screen import console as screen

MARKS = {True: ("✔", "green"), False: ("✘", "red")}


def show(explanation: Mapping[str, Any]) -> None:
    """Print it for a person."""
    console = screen(soft_wrap=True)
    event = explanation["event"]
    console.print(_line(("bold", event["event"]), ("", f"from {event['source']}: {_about(event)}")))
    for limit in explanation["limits"]:
        console.print(_line(("yellow", limit)))
    for rule in explanation["rules"]:
        console.print()
        console.print(_line(_mark(rule), ("bold", rule["rule"]), ("", "→ " + ", ".join(rule["notify"]))))
        for condition in rule["conditions"]:
            actual = condition["actual"] or "not stated"
            console.print(_line(("", "   "), _mark(condition), ("", f"{condition['name']:<16}{actual}"),
                                ("dim", f"(wanted: {', '.join(condition['wanted'])})")))  # fmt: skip
    show_destinations(explanation)
    unstated = any(not condition["actual"] for rule in explanation["rules"] for condition in rule["conditions"])
    if unstated and not event["event"].startswith("batch."):
        console.print("\nWhat is not stated, a running relay takes from the operation's earlier events.", style="dim")


def show_destinations(explanation: Mapping[str, Any]) -> None:
    """Print where messages will go, and what delays or holds them there."""
    console = screen(soft_wrap=True)
    for destination in explanation["destinations"]:
        console.print()
        how = f"{destination['channel']}, {destination['mode']}:"
        addresses = ", ".join(destination["addresses"])
        console.print(_line(("bold", destination["destination"]), ("", how), ("", addresses)))
        console.print(_line(("", "    because of"), ("", ", ".join(destination["rules"]))))
        for hold in destination["holds"]:
            console.print(_line(("yellow", f"    {hold}")))
    for recipient in explanation["refused"]:
        requested = f"{recipient['channel']} {recipient['address']}"
        console.print(
            _line(("yellow", f"\nThe operation asks for {requested}: not told,"), ("yellow", recipient["why"]))
        )
    if not explanation["destinations"]:
        console.print("\nNobody is notified.", style="bold")


def _about(event: Mapping[str, Any]) -> str:
    percentage = "" if event["percentage"] is None else f"{event['percentage']:g} %"
    parts = (event["name"] or event["subject"], event["status"], percentage, event["phase"], event["priority"])
    return ", ".join(part for part in parts if part)


def _mark(outcome: Mapping[str, Any]) -> tuple[str, str]:
    mark, colour = MARKS[outcome["matches" if "matches" in outcome else "holds"]]
    return colour, mark


def _line(*parts: tuple[str, str]) -> Text:
    return Text(" ").join(Text(visible(text), style=style) for style, text in parts)
