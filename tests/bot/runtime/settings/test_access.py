"""Who may use the bot: what an owner may write about mail addresses, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from quarterdeck.runtime.settings.access import AccessSettings


def read(**emails: Any) -> AccessSettings:
    """Read a section with these settings of mail addresses, and one own role."""
    return AccessSettings.model_validate({"emails": emails, "roles": {"releaser": "operator"}})


def test_nobody_is_joined_by_mail_unless_a_domain_is_set() -> None:
    """The default does nothing."""
    assert ((), "operator") == (read().emails.domains, read().emails.most_role)


def test_domains_are_kept_as_they_are_compared() -> None:
    """And an own role may be the most."""
    emails = read(domains=["Example.COM"], most_role="releaser").emails

    assert (("example.com",), "releaser") == (emails.domains, emails.most_role)


@pytest.mark.parametrize(
    ("emails", "words"),
    [
        ({"domains": ["*.example.com"]}, "is not a domain"),
        ({"domains": ["@example.com"]}, "is not a domain"),
        ({"domains": ["anna@example.com"]}, "is not a domain"),
        ({"domains": ["example"]}, "is not a domain"),
        ({"domains": ["xn--80ak6aa92e.com"]}, "is not a domain"),
        ({"domains": [7]}, "is not a domain"),
        ({"most_role": "operater"}, "'operater' is no role"),
        ({"domain": ["example.com"]}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_said(emails: dict[str, Any], words: str) -> None:
    """Before anybody is joined."""
    with pytest.raises(ValidationError) as error:
        read(**emails)

    assert words in str(error.value)
