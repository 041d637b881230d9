"""People of the configuration: who a login is in Slack and by mail, and the sources whose word calls them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import model_validator

from relay.configfile.document import Document, KeyPath
from relay.configfile.validation import Section, spelled
from relay.configfile.words import suggest
from relay.domain.events import Event
from relay.policy.destinations import Destination
from relay.policy.owners import Ownership, OwnerTable, is_email, is_reachable
from relay.policy.presentation import OWNER
from relay.receiving.permissions import UNSIGNED
from relay.receiving.sources import Source

SlackId = Annotated[str, spelled(r"([UW](?=[A-Z0-9]*\d)[A-Z0-9]{2,20})?", "a Slack member's id such as U0123ABCD")]
Email = Annotated[str, spelled(r"([^@\s<>|,;]{1,64}@[^@\s<>|,;]{1,189})?", "an e-mail address")]


class Person(Section):
    """A person behind a login."""

    slack: SlackId = ""
    email: Email = ""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not (self.slack or self.email):
            raise ValueError("expected slack, email or both, such as {slack: U0123ABCD, email: o@example.com}")
        return self

    @property
    def contact(self) -> dict[str, str]:
        """Return the field of an event's owner by which messages mention the person."""
        return {"slackId": self.slack} if self.slack else {"email": self.email}


def may_call(source: Source) -> bool:
    """Return whether the owners of its events are mentioned and get mails: it is signed, and may name recipients."""
    return source.signature.scheme not in UNSIGNED and source.may_name_recipients is not False


def owner_email(event: Event, people: Mapping[str, Person], source: Source | None) -> str:
    """Return the address of the event's owner; '' for one that is not listed, or whom the source may not call."""
    owner = event.operation.document.get("owner") if event.operation and not event.about_batch else None
    name = owner.get("name") if isinstance(owner, Mapping) else owner
    person = people.get(name.casefold()) if isinstance(name, str) else None
    return person.email if person and source and may_call(source) else ""


def owner_table(owned: Sequence[Ownership], people: Mapping[str, Person]) -> OwnerTable:
    """Return the owners by jobs. A person without a Slack id is mentioned by the e-mail address."""
    contacts = {login: (person.slack or person.email, person.email) for login, person in people.items()}
    return OwnerTable(owned, contacts)


def check_owners(owned: Sequence[Ownership], people: Mapping[str, Person], document: Document) -> None:
    """Report names that are neither a login, nor an address, nor one that Slack knows."""
    for index, its in enumerate(owned):
        several = isinstance(document.data["owners"][index]["people"], list)
        for position, name in enumerate(its.people):
            if name.casefold() not in people and not is_reachable(name):
                otherwise = (
                    "expected one of people, an e-mail address, an id such as U0123ABCD, or a user group such as @team"
                )
                where: KeyPath = ("owners", index, "people", *([position] if several else ()))
                document.report(where, f"unknown login {name!r}; {suggest(name, people, otherwise)}")


def check_people(
    people: Mapping[str, Person], owned: Sequence[Ownership], sources: Mapping[str, Source],
    destinations: Mapping[str, Destination], document: Document,
) -> None:  # fmt: skip
    """Report mails to owners that nobody would get, and warn of people whom no source may call."""
    named = {name.casefold() for its in owned for name in its.people}
    if people.keys() - named and not any(map(may_call, sources.values())):
        document.warn(
            ("people",), "without effect: no signed source may name recipients (sources.X.may_name_recipients)"
        )
    for name, destination in destinations.items():
        if OWNER in destination.addresses:
            if destination.mode == "digest":
                document.report(("destinations", name, "mode"), "owners get mails of their own; expected mode: each")
            if not any(person.email for person in people.values()) and not any(map(is_email, named)):
                document.report(("destinations", name), "owner is nobody: expected people with an email each")
