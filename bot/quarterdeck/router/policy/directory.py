"""Read the file that says which accounts belong to one person (`access.directory`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from quarterdeck.core.errors import SetupError, UsageError
from quarterdeck.core.person import Identity
from quarterdeck.router.policy.keeper import Entries
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.settings.layering import Keys
from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.validation import problems_of


class PersonEntry(Section):
    """List one person's accounts."""

    name: Annotated[str, StringConstraints(max_length=200)] = ""
    """How to call them; for people to read, never for deciding."""
    identities: Annotated[tuple[str, ...], Field(min_length=1, max_length=50)]
    """Their accounts, written platform:workspace:user with the platform's own ids."""


class DirectoryFile(Section):
    """Hold everybody whose accounts are known beforehand."""

    people: dict[Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")], PersonEntry] = (
        Field(default_factory=dict)
    )
    """People by a key of your own, such as their login."""


def read_directory(file: Path) -> Entries:
    """Return name and accounts by key.

    Raises:
        SetupError: something is wrong; names line, column and the fix.
    """
    located = yaml.load(file)

    def locate(message: str, path: Keys, *, hint: str = "", at_key: bool = False) -> SetupError:
        return located.error(message, path, hint=hint, at_key=at_key)

    try:
        document = DirectoryFile.model_validate({} if located.data is None else located.data)
    except ValidationError as error:
        raise next(problems_of(error, DirectoryFile, locate)) from error
    owners: dict[str, str] = {}
    entries: dict[str, tuple[str, tuple[str, ...]]] = {}
    for key, entry in document.people.items():
        accounts = []
        for at, text in enumerate(entry.identities):
            path = ("people", key, "identities", at)
            account = _account(text, path, located)
            if account in owners:
                raise located.error(
                    f"{account} is already {owners[account]}'s", path, hint="an account has one person"
                )
            owners[account] = key
            accounts.append(account)
        entries[key] = (entry.name, tuple(accounts))
    return entries


def _account(text: str, path: Keys, located: yaml.Located) -> str:
    try:
        return str(Identity.written(text))
    except UsageError as error:
        raise located.error(error.message, path, hint=error.hint) from error
