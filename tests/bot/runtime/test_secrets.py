"""A reference gives exactly the value it names, and every value given is masked from then on."""

from __future__ import annotations

import pytest

from quarterdeck.core.errors import KeyMissing, SetupError
from quarterdeck.runtime.observability.redaction import MASK, Redactor
from quarterdeck.runtime.secrets import Resolver, SecretRef, why_unusable


@pytest.fixture
def redactor() -> Redactor:
    """Know nothing yet."""
    return Redactor()


def resolver(redactor: Redactor, **environ: str) -> Resolver:
    """Read this environment."""
    return Resolver(environ, redactor)


def test_a_variable_is_read_and_masked(redactor: Redactor) -> None:
    """Masked before anybody has it."""
    value = resolver(redactor, KEY=" hunter-secret\n").get(SecretRef.parse("env:KEY"))

    assert "hunter-secret" == value
    assert f"got {MASK}" == redactor.clean("got hunter-secret")


def test_the_vaults_secret_is_read_and_masked_when_offered(redactor: Redactor) -> None:
    """Even one that nobody has asked for yet."""
    secrets = resolver(redactor)
    secrets.offer("slack.bot", "hunter-secret")

    assert MASK == redactor.clean("hunter-secret")
    assert "hunter-secret" == secrets.get(SecretRef.parse("secret:slack.bot"))


def test_one_place_does_not_stand_in_for_the_other(redactor: Redactor) -> None:
    """A missing credential must not become somebody else's."""
    secrets = resolver(redactor, KEY="variable-value")
    secrets.offer("OTHER", "vault-value")

    with pytest.raises(KeyMissing):
        secrets.get(SecretRef.parse("secret:KEY"))
    with pytest.raises(KeyMissing):
        secrets.get(SecretRef.parse("env:OTHER"))


def test_a_missing_one_names_itself_the_nearest_and_the_fix(redactor: Redactor) -> None:
    """A typo in a name is the commonest cause."""
    with pytest.raises(KeyMissing) as caught:
        resolver(redactor, OPENAI_API_KEY="x-real-value").get(SecretRef.parse("env:OPENAI_API_KY"))

    assert "OPENAI_API_KY" == caught.value.env_name
    assert "did you mean 'OPENAI_API_KEY'?" in caught.value.hint


def test_a_removed_secret_is_gone_and_still_masked(redactor: Redactor) -> None:
    """Old values live on in other systems' logs."""
    secrets = resolver(redactor)
    secrets.offer("a", "hunter-secret")
    secrets.withdraw("a")

    assert not secrets.has(SecretRef.parse("secret:a"))
    assert MASK == redactor.clean("hunter-secret")


@pytest.mark.parametrize(
    "value", ["", "  ", "change-me", "CHANGE_ME", "changeme123", "<token>", "${TOKEN}", "****"]
)
def test_a_value_that_cannot_be_one_is_refused(value: str, redactor: Redactor) -> None:
    """Whoever forgot to fill it in must not run with it."""
    secrets = resolver(redactor, KEY=value)

    assert not secrets.has(SecretRef.parse("env:KEY"))
    with pytest.raises(SetupError, match="env:KEY is"):
        secrets.get(SecretRef.parse("env:KEY"))


@pytest.mark.parametrize(
    "value",
    ["xoxb-1-2-abc", "sk-proj-x", "123:AAF-x", "p<ss>w$rd{1}", "example-of-a-long-one", "testing123", "key1"],
)
def test_real_values_are_not_taken_for_placeholders(value: str) -> None:
    """A vendor's key may look like anything."""
    assert not why_unusable(value)


def test_a_reference_shows_its_name_only() -> None:
    """It may be printed anywhere."""
    assert "env:KEY" == str(SecretRef.parse("env:KEY"))
