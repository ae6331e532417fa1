"""Sign what goes to the bot's web server with a key pair of our own (Ed25519 over the timestamp and the body)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Signer:
    """Hold the key pair of the application."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    @property
    def public_key(self) -> str:
        """Return the public key, in hexadecimal digits."""
        return self._key.public_key().public_bytes_raw().hex()

    def headers(self, body: bytes, timestamp: str, *, is_genuine: bool = True) -> dict[str, str]:
        """Return the headers of a request; not genuine ones are signed by somebody else."""
        key = self._key if is_genuine else Ed25519PrivateKey.generate()
        return {
            "Content-Type": "application/json",
            "User-Agent": "Discord-Interactions/1.0 (+https://discord.com)",
            "X-Signature-Ed25519": key.sign(timestamp.encode() + body).hex(),
            "X-Signature-Timestamp": timestamp,
        }
