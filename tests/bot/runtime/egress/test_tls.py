"""An https address is fetched over checked TLS or not at all."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from quarterdeck.core.errors import Rejected, Unavailable
from quarterdeck.runtime.egress import Egress

Serve = Callable[..., Awaitable[Any]]
OpenEgress = Callable[..., Egress]


def answer(
    body: bytes = b"", status: int = 200, **headers: str
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answer every request so; underscores in header names stand for hyphens."""

    async def handle(request: web.Request) -> web.Response:
        return web.Response(
            body=body,
            status=status,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    return handle


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the function that makes a self-signed certificate for a name: `NAME.pem` holds it and its key."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str, *, days: int = 1) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=10))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        file = folder / f"{name}.{days}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file

    return make


def server_side(file: Path) -> ssl.SSLContext:
    """Make the server's half."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


async def test_tls_is_checked_against_the_name_not_the_address(
    certificates: Callable[..., Path], serve: Serve, open_egress: OpenEgress
) -> None:
    """Pinning the address must not cost the certificate check."""
    file = certificates("public.test")
    server = await serve(answer(b"secret"), tls=server_side(file))
    egress = open_egress(tls=ssl.create_default_context(cafile=file), allow_http=False)

    assert b"secret" == (await egress.request("GET", server.url(scheme="https"))).body
    with pytest.raises(Unavailable, match="no secure connection"):
        await egress.request("GET", server.url(scheme="https", name="other.test"))


@pytest.mark.parametrize("fault", ["unknown authority", "expired", "no tls at all"])
async def test_a_tls_failure_is_no_downgrade(
    fault: str, certificates: Callable[..., Path], serve: Serve, open_egress: OpenEgress
) -> None:
    """A captive portal or a middle man gets nothing, not even over plain http, not even when http is allowed."""
    file = certificates("public.test", days=-1 if fault == "expired" else 1)
    trusts = ssl.create_default_context(cafile=file if fault == "expired" else None)
    server = await serve(answer(b"x"), tls=None if fault == "no tls at all" else server_side(file))

    with pytest.raises(Unavailable):
        await open_egress(tls=trusts, allow_http=True).request(
            "POST", server.url(scheme="https"), body=b"secret"
        )
    assert [] == server.requests


async def test_a_redirect_from_https_to_http_is_refused(
    certificates: Callable[..., Path], serve: Serve, open_egress: OpenEgress
) -> None:
    """Even where plain http is allowed for addresses that begin so."""
    plain = await serve(answer(b"x"))
    file = certificates("public.test")
    secure = await serve(answer(status=302, Location=plain.url()), tls=server_side(file))
    egress = open_egress(tls=ssl.create_default_context(cafile=file))

    with pytest.raises(Rejected, match="from https to plain http"):
        await egress.request("GET", secure.url(scheme="https"))
    assert [] == plain.requests
