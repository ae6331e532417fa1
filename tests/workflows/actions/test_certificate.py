"""Certificates of real TLS servers: one that holds, ones that end soon, are over, are for others or by nobody known."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.workflows.actions.conftest import PUBLIC, Bench

from quarterdeck.core.errors import QuarterdeckError, Unavailable, UsageError

Start = Callable[..., Awaitable[str]]
ROOT = ec.generate_private_key(ec.SECP256R1())
ROOT_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A root of our own")])


def signed(
    key: ec.EllipticCurvePrivateKey, *, host: str, days: float, by: ec.EllipticCurvePrivateKey
) -> bytes:
    """Return a certificate for an address or a name, as PEM; the root's own where `key` is `by`."""
    now, is_root = datetime.now(UTC), key is by
    name = ROOT_NAME if is_root else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    named: x509.GeneralName = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(ROOT_NAME)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([named]), critical=False)
        .sign(by, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Return the function that starts a server with a certificate by a root that this machine trusts."""
    root = tmp_path / "root.pem"
    root.write_bytes(signed(ROOT, host="root.example", days=30, by=ROOT))
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    servers: list[asyncio.Server] = []

    async def begin(*, host: str = PUBLIC, days: float = 30, by: ec.EllipticCurvePrivateKey = ROOT) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        file = tmp_path / f"server-{len(servers)}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + signed(key, host=host, days=days, by=by)
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        servers.append(await asyncio.start_server(hang_up, PUBLIC, 0, ssl=context))
        return f"https://{PUBLIC}:{servers[-1].sockets[0].getsockname()[1]}/"

    yield begin
    for server in servers:
        server.close()
        await server.wait_closed()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing: the handshake is all that is looked at."""
    await reader.read()
    writer.close()


@pytest.mark.parametrize(("days", "left"), [(30.5, 30), (3.5, 3), (0.5, 0)])
async def test_a_certificate_that_holds_says_for_how_long(
    bench: Bench, start: Start, days: float, left: int
) -> None:
    """Whole days, so that `days_left < 14` means what it says."""
    url = await start(days=days)
    found = await bench.do("certificate.look", url=url)

    assert (PUBLIC, True, "", left) == tuple(found[name] for name in ("host", "valid", "reason", "days_left"))
    ends = datetime.fromisoformat(found["ends_at"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"days": -1}, "certificate has expired"),
        ({"host": "127.0.0.9"}, "IP address mismatch"),
        ({"host": "other.example"}, "IP address mismatch"),
        ({"by": ec.generate_private_key(ec.SECP256R1())}, "certificate signature failure"),
    ],
)
async def test_one_that_does_not_hold_says_why(
    bench: Bench, start: Start, about: dict[str, object], reason: str
) -> None:
    """As a result, not as a failure: a watch wants to say it."""
    url = await start(**about)
    found = await bench.do("certificate.look", url=url)

    assert (False, None, None) == (found["valid"], found["ends_at"], found["days_left"])
    assert reason in found["reason"]


async def test_a_root_that_nobody_trusts_is_none(
    bench: Bench, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where it signed itself well."""
    url = await start()
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))
    found = await bench.do("certificate.look", url=url)

    assert (False, "unable to get local issuer certificate") == (found["valid"], found["reason"])


async def test_what_has_no_certificate_says_so(bench: Bench, start: Start) -> None:
    """Nobody listens, somebody does who speaks no TLS, or it may not be reached."""
    plain = await asyncio.start_server(hang_up, PUBLIC, 0)
    port = plain.sockets[0].getsockname()[1]
    with pytest.raises(UsageError, match="has no certificate"):
        await bench.do("certificate.look", url=f"http://{PUBLIC}:{port}")
    plain.close()
    await plain.wait_closed()
    with pytest.raises(Unavailable, match="does not answer"):
        await bench.do("certificate.look", url=f"https://{PUBLIC}:{port}")
    with pytest.raises(QuarterdeckError, match="127"):
        await bench.do("certificate.look", url="https://127.0.0.1:1/")
