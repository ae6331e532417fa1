"""Check single values of settings: secrets by reference, addresses, time zones, identities."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from typing import Annotated, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from quarterdeck.core.errors import QuarterdeckError, SetupError
from quarterdeck.core.person import Identity
from quarterdeck.runtime.secrets import SecretRef

T = TypeVar("T")

_SENSITIVE_HEADER: Final = re.compile(r"auth|key|token|secret|cookie|password|credential", re.IGNORECASE)
_HOST_NAME: Final = re.compile(
    r"[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?|[0-9a-f]{0,4}(?::[0-9a-f.]{0,15}){2,8}"
)
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2, "token"


def refuse(message: str, hint: str, *, key: str = "") -> PydanticCustomError:
    """Make the error of a validator; the hint travels to the operator, `key` points below the value."""
    return PydanticCustomError("quarterdeck", "{message}", {"message": message, "hint": hint, "key": key})


def _ours(check: Callable[[object], T]) -> Callable[[object], T]:
    def checked(value: object) -> T:
        try:
            return check(value)
        except QuarterdeckError as error:
            raise refuse(error.message, error.hint) from error

    return checked


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise refuse("must be text", "put it in quotes")
    return value.strip()


def _url(value: object) -> str:
    text = _text(value)
    hint = "write a whole address, such as https://api.example.com/v1"
    try:
        parts = urlsplit(text)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError as error:
        raise refuse("is not an address", hint) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid:
        raise refuse("is not an http or https address", hint)
    if parts.username is not None or parts.password is not None:
        raise refuse("holds a user name or password", "keep credentials in the key setting")
    if re.search(r"[\s\\\x00-\x1f]", text) or parts.query or parts.fragment:
        raise refuse("holds spaces, a backslash, a query or a fragment", hint)
    return text


def _websocket_url(value: object) -> str:
    text = _text(value)
    if text.startswith(("ws://", "wss://")):
        _url("http" + text[2:])
        return text
    raise refuse("is not a ws or wss address", "write a whole address, such as wss://gateway.example.com")


def _network(value: object) -> str:
    try:
        return str(ipaddress.ip_network(_text(value)))
    except ValueError as error:
        raise refuse(f"is not a network: {error}", "write one in CIDR form, such as 10.1.2.0/24") from error


def _address(value: object) -> str:
    text = _text(value)
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError as error:
        raise refuse("is not an IP address", "write 127.0.0.1, or the address to listen on") from error


def _zone(value: object) -> str:
    text = _text(value)
    try:
        zoneinfo.ZoneInfo(text)
    except (ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise refuse("is not a time zone", "write a name such as Europe/Berlin") from error
    except KeyError as error:
        raise refuse("is not a time zone that is known here", "write a name such as Europe/Berlin") from error
    return text


def _identity(value: object) -> str:
    return str(Identity.written(_text(value)))


def _number_text(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise refuse("is not a platform's numeric id", "copy it from the platform, digits only")
    return text


def _vault_key(value: object) -> str:
    text = _text(value)
    if text in ("keyring", "file") or re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*", text):
        return text
    raise refuse(
        "is none of keyring, file and env:NAME", "write keyring, file or env:NAME; never the key itself"
    )


def _headers(value: object) -> dict[str, str | SecretRef]:
    if not isinstance(value, dict):
        raise refuse("must be a map of header names to values", "write `Name: value` lines")
    headers: dict[str, str | SecretRef] = {}
    for name, content in value.items():
        if not _HEADER_NAME.fullmatch(str(name)):
            raise refuse("is not a header name", "use letters, digits and hyphens", key=str(name))
        headers[name] = _header(str(name), content)
    return headers


def _header(name: str, content: object) -> str | SecretRef:
    is_reference = isinstance(content, str) and content.startswith(("env:", "secret:"))
    if is_reference or isinstance(content, SecretRef) or _SENSITIVE_HEADER.search(name):
        try:
            return SecretRef.parse(content)
        except SetupError as error:
            raise refuse(error.message, error.hint, key=name) from error
    if isinstance(content, str) and content.isprintable():
        return content
    raise refuse("must be one line of text", "put it in quotes", key=name)


def _host_name(value: object) -> str:
    text = _text(value).lower()
    if not _HOST_NAME.fullmatch(text):
        raise refuse("is not a host name", "write the bare name, such as api.example.com, or an address")
    return text


Secret = Annotated[
    SecretRef,
    BeforeValidator(_ours(SecretRef.parse)),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(env|secret):[A-Za-z_][A-Za-z0-9_.-]{0,127}$",
            "description": "A reference to a secret: env:NAME or secret:NAME.",
        }
    ),
]
HostName = Annotated[
    str, BeforeValidator(_host_name), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9._:-]+$"})
]
OptionalSecret = Annotated[
    SecretRef | None,  # None by absence only: a null that is written is refused
    BeforeValidator(_ours(SecretRef.parse)),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(env|secret):[A-Za-z_][A-Za-z0-9_.-]{0,127}$",
            "description": "A reference to a secret: env:NAME or secret:NAME.",
        }
    ),
]
Url = Annotated[str, BeforeValidator(_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
WebSocketUrl = Annotated[
    str, BeforeValidator(_websocket_url), WithJsonSchema({"type": "string", "pattern": "^wss?://"})
]
Network = Annotated[str, BeforeValidator(_network)]
Address = Annotated[str, BeforeValidator(_address)]
Zone = Annotated[str, BeforeValidator(_zone)]
IdentityText = Annotated[
    str,
    BeforeValidator(_ours(_identity)),
    WithJsonSchema({"type": "string", "pattern": "^[a-z_]+:[^:]*:[^@].*$"}),
]
NumberText = Annotated[
    str, BeforeValidator(_number_text), WithJsonSchema({"type": ["string", "integer"], "pattern": "^[0-9]+$"})
]
VaultKey = Annotated[
    str,
    BeforeValidator(_vault_key),
    WithJsonSchema({"type": "string", "pattern": "^(keyring|file|env:[A-Za-z_][A-Za-z0-9_]*)$"}),
]
Headers = Annotated[
    dict[str, str | SecretRef],
    BeforeValidator(_headers),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]


def _secrets(value: object) -> tuple[SecretRef, ...]:
    if not isinstance(value, (list, tuple)):
        raise refuse("must be a list", "write [env:FIRST_KEY, env:SECOND_KEY]")
    return tuple(_ours(SecretRef.parse)(one) for one in value)


Secrets = Annotated[
    tuple[SecretRef, ...],
    BeforeValidator(_secrets),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "pattern": "^(env|secret):[A-Za-z_][A-Za-z0-9_.-]{0,127}$"},
            "description": "References to secrets: env:NAME or secret:NAME.",
        }
    ),
]
