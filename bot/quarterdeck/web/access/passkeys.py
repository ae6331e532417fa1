"""Sign in with passkeys (WebAuthn): the browser signs a challenge of ours with a key that never leaves the device."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from quarterdeck.core.account import Account, AccountRows, Passkey
from quarterdeck.core.errors import Denied
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.process.tasks import in_thread

CEREMONY_S = 300.0
MOST_CEREMONIES = 1_000
MOST_PASSKEYS = 20
NAME = "Quarterdeck"
WRONG = "This passkey was not accepted."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ceremony:
    challenge: bytes
    account: str
    host: str
    until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Hand the browser what it is to do; `public_key` as JSON."""

    ceremony: str
    public_key: Mapping[str, Any]


class Passkeys:
    """Register passkeys and check what they sign. `host` is the name that the browser knows us by."""

    def __init__(self, rows: AccountRows, clock: Clock) -> None:
        self._rows, self._clock = rows, clock
        self._ceremonies: dict[str, _Ceremony] = {}

    async def of(self, name: str) -> Sequence[Passkey]:
        """Return an account's passkeys, oldest first."""
        return await self._rows.passkeys(name)

    async def begin_registration(self, account: Account, host: str) -> Begun:
        """Ask for a new key of an account that is signed in.

        Raises:
            Denied: it has too many.
        """
        known = await self._rows.passkeys(account.name)
        if len(known) >= MOST_PASSKEYS:
            raise Denied(f"{MOST_PASSKEYS} passkeys are enough", hint="remove one first")
        challenge = secrets.token_bytes(32)
        options = await in_thread(_registration, account, host, challenge, known)
        return self._begun(challenge, account.name, host, options)

    async def register(
        self, account: Account, ceremony: str, credential: Mapping[str, Any], *, name: str, origin: str
    ) -> Passkey:
        """Keep the key that the browser made.

        Raises:
            Denied: what it says does not fit what was asked.
        """
        asked = self._take(ceremony)
        if asked.account != account.name:
            raise Denied(WRONG)
        key_id, public_key, count = await in_thread(_registered, credential, asked, origin)
        passkey = Passkey(
            id=key_id,
            account=account.name,
            name=name or "Passkey",
            public_key=public_key,
            sign_count=count,
            created_at_ms=self._clock.now_ms(),
        )
        await self._rows.add_passkey(passkey)
        return passkey

    async def begin_sign_in(self, name: str, host: str) -> Begun:
        """Ask any key to sign; which accounts there are is not said."""
        challenge = secrets.token_bytes(32)
        options = await in_thread(_authentication, host, challenge)
        return self._begun(challenge, name, host, options)

    async def sign_in(self, ceremony: str, credential: Mapping[str, Any], *, origin: str) -> str:
        """Return the name of the account whose key has signed.

        Raises:
            Denied: none has.
        """
        asked = self._take(ceremony)
        passkey = await self._rows.passkey(str(credential.get("id"))[:1400])
        if passkey is None or (asked.account and asked.account != passkey.account):
            raise Denied(WRONG)
        count = await in_thread(_signed, credential, asked, passkey, origin)
        await self._rows.used_passkey(passkey.id, count)
        return passkey.account

    def _begun(self, challenge: bytes, account: str, host: str, options: Mapping[str, Any]) -> Begun:
        now_s, ceremony = self._clock.monotonic(), secrets.token_urlsafe(16)
        alive = {name: one for name, one in self._ceremonies.items() if one.until_s > now_s}
        while len(alive) >= MOST_CEREMONIES:
            del alive[next(iter(alive))]
        alive[ceremony] = _Ceremony(
            challenge=challenge, account=account, host=host, until_s=now_s + CEREMONY_S
        )
        self._ceremonies = alive
        return Begun(ceremony=ceremony, public_key=options)

    def _take(self, ceremony: str) -> _Ceremony:
        """Return what was asked, once: an answer is good for one question."""
        asked = self._ceremonies.pop(ceremony, None)
        if asked is None or asked.until_s <= self._clock.monotonic():
            raise Denied("this took too long", hint="try again")
        return asked


def _registration(
    account: Account, host: str, challenge: bytes, known: Sequence[Passkey]
) -> Mapping[str, Any]:
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_registration_options(
        rp_id=host,
        rp_name=NAME,
        user_name=account.name,
        user_id=account.name.encode(),
        user_display_name=account.display_name or account.name,
        challenge=challenge,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            structs.PublicKeyCredentialDescriptor(id=webauthn.base64url_to_bytes(one.id)) for one in known
        ],
    )
    found: Mapping[str, Any] = json.loads(webauthn.options_to_json(options))
    return found


def _registered(credential: Mapping[str, Any], asked: _Ceremony, origin: str) -> tuple[str, bytes, int]:
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = webauthn.verify_registration_response(
            credential=dict(credential),
            expected_challenge=asked.challenge,
            expected_rp_id=asked.host,
            expected_origin=origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Denied(WRONG, hint="try again") from error
    key_id = webauthn.helpers.bytes_to_base64url(verified.credential_id)
    return key_id, verified.credential_public_key, verified.sign_count


def _authentication(host: str, challenge: bytes) -> Mapping[str, Any]:
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_authentication_options(
        rp_id=host, challenge=challenge, user_verification=structs.UserVerificationRequirement.REQUIRED
    )
    found: Mapping[str, Any] = json.loads(webauthn.options_to_json(options))
    return found


def _signed(credential: Mapping[str, Any], asked: _Ceremony, passkey: Passkey, origin: str) -> int:
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = webauthn.verify_authentication_response(
            credential=dict(credential),
            expected_challenge=asked.challenge,
            expected_rp_id=asked.host,
            expected_origin=origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Denied(WRONG, hint="try again") from error
    return int(verified.new_sign_count)
