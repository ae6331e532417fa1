"""Keep the secrets that requests may carry: each goes to its own hosts, and to those who ask for it never."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Final

from quarterdeck.core.errors import Denied, NotFound, SetupError, UsageError
from quarterdeck.core.text import did_you_mean
from quarterdeck.runtime.egress.request import Credential
from quarterdeck.runtime.egress.target import parse_target
from quarterdeck.runtime.secrets import SecretRef
from quarterdeck.runtime.settings.egress import CredentialSettings

# Standard Webhooks specification, "Signature scheme", 2026-11-21: 24 to 64 bytes, base64 after this prefix.
KEY_PREFIX: Final = "whsec_"
KEY_BYTES: Final = range(24, 65)

Reveal = Callable[[SecretRef], str]


class Credentials:
    """Hold what the settings say; `reveal` returns the secret behind a reference."""

    def __init__(self, settings: Mapping[str, CredentialSettings], reveal: Reveal) -> None:
        self._settings, self._reveal = settings, reveal

    def sent(self, name: str, url: str) -> tuple[str, Credential | None]:
        """Return the address to ask and the header to send there with a credential.

        Raises:
            NotFound: there is no such credential.
            UsageError: it is for signing, or what comes after its address is an address.
            Denied: its own address is on a host that is not its own.
            SetupError: the secret is missing or of another form.
        """
        setting = self._named(name)
        value = self._value(name, setting)
        if setting.use == "signature":
            raise UsageError(
                f"{name} is for signing", hint="name a credential whose use is bearer, basic or header"
            )
        if setting.use == "address":
            return self._whole(name, setting, value, url), None
        if not url.partition("?")[0]:
            raise UsageError(
                f"{name} is no address",
                hint=f"set egress.credentials.{name}.use: address, or name one that is",
            )
        if setting.use == "basic":
            value = base64.b64encode(value.encode()).decode()
        prefix = {"bearer": "Bearer ", "basic": "Basic "}.get(setting.use, "")
        header = setting.header or "Authorization"
        return url, Credential(hosts=frozenset(setting.hosts), value=prefix + value, header=header)

    def signature(self, name: str, url: str, *, message_id: str, at_s: int, body: bytes) -> Mapping[str, str]:
        """Return the three headers of a signed webhook.

        Raises:
            NotFound: there is no such credential.
            Denied: it is not for the host of `url`.
            UsageError: it is not for signing, or the message id holds a full stop.
            SetupError: its secret is missing, or no signing key.
        """
        setting = self._named(name)
        if setting.use != "signature":
            raise UsageError(
                f"{name} is not for signing", hint=f"set egress.credentials.{name}.use: signature"
            )
        if "." in message_id:
            raise UsageError("a message id holds no full stop", hint="use letters, digits and _")
        host = parse_target(url).host
        if host not in setting.hosts:
            raise _foreign(name, host)
        signed = f"{message_id}.{at_s}.".encode() + body
        digest = hmac.new(self._key(name, setting), signed, hashlib.sha256).digest()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }

    def _named(self, name: str) -> CredentialSettings:
        if name not in self._settings:
            hint = (
                did_you_mean(name, self._settings)
                or f"add egress.credentials.{name[:64]} to quarterdeck.yaml"
            )
            raise NotFound(f"there is no credential {name[:64]!r}", hint=hint)
        return self._settings[name]

    def _value(self, name: str, setting: CredentialSettings) -> str:
        value = self._reveal(setting.secret)
        if not value.isprintable():
            raise SetupError(
                f"{setting.secret} holds more than one line of text",
                hint="store the bare secret",
                key=f"egress.credentials.{name}.secret",
            )
        return value

    def _whole(self, name: str, setting: CredentialSettings, address: str, rest: str) -> str:
        if rest and not rest.startswith("?"):
            raise UsageError(
                f"{name} is a whole address already",
                hint="leave the address out, or write ?name=value to go after it",
            )
        host = parse_target(address).host
        if host not in setting.hosts:
            raise _foreign(name, host)
        return address + (f"&{rest[1:]}" if rest and "?" in address else rest)

    def _key(self, name: str, setting: CredentialSettings) -> bytes:
        value = self._value(name, setting)
        try:
            key = base64.b64decode(value.removeprefix(KEY_PREFIX), validate=True)
        except binascii.Error:
            key = b""
        if not value.startswith(KEY_PREFIX) or len(key) not in KEY_BYTES:
            raise SetupError(
                f"{setting.secret} is no signing key",
                hint="store whsec_ and base64 of 24 to 64 random bytes, as the receiver gives it",
                key=f"egress.credentials.{name}.secret",
            )
        return key


def _foreign(name: str, host: str) -> Denied:
    return Denied(
        f"the credential {name} is not for {host}",
        hint=f"add the host to egress.credentials.{name}.hosts if that is meant",
    )
