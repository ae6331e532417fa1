"""A passkey signs in; what was signed for another site, another question or another account does not."""

from __future__ import annotations

import hashlib
import json
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class Device:
    """Be an authenticator: one key, made and used as WebAuthn has it."""

    def __init__(self, origin: str) -> None:
        self.origin, self.count = origin, 0
        self.key, self.id = ec.generate_private_key(ec.SECP256R1()), b"device-credential-1"

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _data(self, host: str, flags: int) -> bytes:
        self.count += 1
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def register(self, options: dict) -> dict:
        numbers = self.key.public_key().public_numbers()
        point = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        data = self._data(options["rp"]["id"], 0x45)
        data += bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor2.dumps(point)
        response = {
            "clientDataJSON": b64(self._client("webauthn.create", options["challenge"])),
            "attestationObject": b64(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response}

    def sign(self, options: dict) -> dict:
        client = self._client("webauthn.get", options["challenge"])
        data = self._data(options["rpId"], 0x05)
        signed = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": b64(client),
            "authenticatorData": b64(data),
            "signature": b64(signed),
            "userHandle": None,
        }
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response}


async def registered(world, browser) -> Device:
    """Add a passkey to the account that is signed in."""
    device = Device(world.url)
    begun = await (await browser.post("/api/v1/me/passkey-options")).json()
    body = {
        "ceremony": begun["ceremony"],
        "credential": device.register(begun["publicKey"]),
        "name": "Laptop",
    }
    made = await browser.post("/api/v1/me/passkeys", json=body)
    assert 201 == made.status, await made.text()
    return device


async def test_a_passkey_signs_in_once_for_each_question(world):
    """And is listed, and can be removed."""
    async with world.browser(await world.account("anna", "owner")) as browser:
        device = await registered(world, browser)
        listed = await (await browser.get("/api/v1/me/passkeys")).json()
    async with world.browser() as stranger:
        begun = await (await stranger.post("/sign-in/passkey/options", json={"name": ""})).json()
        body = {"ceremony": begun["ceremony"], "credential": device.sign(begun["publicKey"])}
        signed = await stranger.post("/sign-in/passkey", json=body)
        replayed = await stranger.post("/sign-in/passkey", json=body)
        secret = signed.cookies["quarterdeck"].value
    async with world.browser(secret) as browser:
        gone = await browser.delete(f"/api/v1/me/passkeys/{listed['passkeys'][0]['id']}")

    assert ["Laptop"] == [one["name"] for one in listed["passkeys"]]
    assert (200, 401, 204) == (signed.status, replayed.status, gone.status)


@pytest.mark.parametrize("wrong", ["origin", "challenge", "key", "unknown", "garbage"])
async def test_what_does_not_fit_the_question_is_refused(world, wrong):
    """A phishing site's origin, an old challenge, another key, a key that nobody has, nonsense."""
    async with world.browser(await world.account("anna", "owner")) as browser:
        device = await registered(world, browser)
    async with world.browser() as stranger:
        begun = await (await stranger.post("/sign-in/passkey/options", json={})).json()
        options = begun["publicKey"]
        if wrong == "origin":
            device.origin = "https://evil.example"
        if wrong == "challenge":
            options = {**options, "challenge": b64(bytes(32))}
        if wrong == "key":
            device.key = ec.generate_private_key(ec.SECP256R1())
        if wrong == "unknown":
            device.id = b"nobody's"
        credential = {"id": 5, "response": []} if wrong == "garbage" else device.sign(options)
        body = {"ceremony": begun["ceremony"], "credential": credential}
        refused = await stranger.post("/sign-in/passkey", json=body)

    assert 401 == refused.status
    assert urlsafe_b64decode(begun["publicKey"]["challenge"] + "==")
