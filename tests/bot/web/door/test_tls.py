"""With a certificate everything is https, and cookies are bound to it; what cannot be known is nobody."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from quarterdeck.core.errors import Unavailable


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = tmp_path / "chat.pem", tmp_path / "chat.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


async def test_everything_is_https_with_a_certificate(open_world, certificate):
    """Plain http is not answered at all."""
    async with open_world(tls_certificate=certificate[0], tls_key=certificate[1]) as world:
        await world.account("anna", "owner")
        trusting = ssl.create_default_context(cafile=str(certificate[0]))
        url = world.url.replace("http:", "https:")
        fields = {"name": "anna", "password": "correct horse battery staple"}
        connector = aiohttp.TCPConnector(family=2, ssl=trusting)
        async with (
            aiohttp.ClientSession(connector=connector) as browser,
            browser.post(f"{url}/sign-in/password", json=fields, headers={"Origin": url}) as one,
        ):
            status, cookie = one.status, one.headers["Set-Cookie"]
        async with world.browser() as browser:
            with pytest.raises(aiohttp.ClientError):
                await browser.get("/sign-in")

    assert (200, True, True) == (status, cookie.startswith("__Host-quarterdeck="), "Secure" in cookie)


async def test_while_the_database_is_away_nobody_is_anybody(world, monkeypatch):
    """503, not a traceback, and not in."""
    secret = await world.account("anna", "owner")

    async def away(identity: object) -> None:
        raise Unavailable("the database is away", service="database")

    monkeypatch.setattr(world.people, "person_of", away)
    async with world.browser(secret) as browser:
        answer = await browser.get("/api/v1/me")

    assert 503 == answer.status
