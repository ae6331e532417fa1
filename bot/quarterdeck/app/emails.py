"""Build the desk that joins accounts by proven mail addresses, out of the parts."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from quarterdeck.core.account import PLATFORM as WEB
from quarterdeck.router.people.emails import EmailDesk

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts


def build_emails(parts: Parts) -> EmailDesk:
    """Return the desk; the web's addresses are those that invitations were sent to, the rest the platforms' own."""
    emails = parts.settings.access.emails
    invited: dict[str, object] = {WEB: parts.accounts}
    adapters = cast("Mapping[str, object]", parts.adapters)
    return EmailDesk(
        parts.addresses,
        parts.people,
        domains=emails.domains,
        most=parts.roles.of(emails.most_role),
        provers=ChainMap(invited, cast("dict[str, object]", adapters)),
        adapters=parts.adapters,
        outbox=parts.outbox,
        record=parts.audit,
        clock=parts.clock,
    )
