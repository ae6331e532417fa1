"""What the OpenAPI document says is what the API does: every operation, with requests made from the document."""

from __future__ import annotations

import asyncio
import io
import json
import random
import string
from typing import Any

import jsonschema

STEM = "http://localhost/openapi.json"


def made(schema: dict[str, Any], document: dict[str, Any], dice: random.Random) -> Any:
    """Return a value that the schema allows, by chance; now and then one that it does not."""
    if dice.random() < 0.05:
        return dice.choice([None, -1, 1e300, "", "\0\ud7ff", [], {}, True, "x" * 3000])
    if not isinstance(schema, dict):
        return word(dice)
    if "$ref" in schema:
        return made(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document, dice)
    if "anyOf" in schema:
        return made(dice.choice(schema["anyOf"]), document, dice)
    return plain(schema, document, dice)


def plain(schema: dict[str, Any], document: dict[str, Any], dice: random.Random) -> Any:
    """Return a value of a plain type."""
    match schema.get("type"):
        case "object" if "properties" in schema:
            wanted = schema.get("required", [])
            return {
                name: made(inner, document, dice)
                for name, inner in schema["properties"].items()
                if name in wanted or dice.random() < 0.4
            }
        case "object":
            return (
                {word(dice): made(schema.get("additionalProperties") or {}, document, dice)} if schema else {}
            )
        case "array":
            return [made(schema["items"], document, dice) for _ in range(dice.randrange(3))]
        case "integer" | "number":
            return dice.choice([0, 1, 2, 3, schema.get("maximum", 99)])
        case "boolean":
            return dice.random() < 0.5
        case "null":
            return None
    return word(dice)


def word(dice: random.Random) -> str:
    return "".join(dice.choices(string.ascii_lowercase + "é /%\N{GRINNING FACE}", k=dice.randrange(1, 12)))


async def test_every_operation_keeps_to_the_document(world):
    """Statuses and bodies are declared ones, whatever is sent; never a 5xx."""
    dice, strange = random.Random(7), []
    async with world.browser(await world.account("anna", "owner")) as browser:
        document = await (await browser.get("/api/v1/openapi.json")).json()
        path = "/api/v1/conversations/main/messages"
        await browser.post(path, json={"text": "hello"}, headers={"Idempotency-Key": "first"})
        for _ in range(40):
            for url, operations in document["paths"].items():
                for method, described in operations.items():
                    if "text/event-stream" in str(described["responses"].get("200", "")):
                        continue
                    strange += await checked(browser, method, url, described, document, dice)

    assert [] == strange


async def checked(browser, method, url, described, document, dice) -> list[object]:
    """Send one request made from its description; return what was not as described."""
    body = described.get("requestBody", {}).get("content", {}).get("application/json")
    name = dice.choice(["main", "main", "c_unknown", "%00", "..", "x" * 300])
    query = {
        one["name"]: str(made(one["schema"], document, dice)).replace("\0", "")
        for one in described["parameters"]
        if one["in"] == "query" and (one["required"] or dice.random() < 0.5)
    }
    sent: dict[str, Any] = {"params": query, "headers": {"Idempotency-Key": f"k{dice.randrange(10**9)}"}}
    if body:
        sent["json"] = made(body["schema"], document, dice)
    elif "requestBody" in described:
        sent["data"] = {"file": io.BytesIO(b"x")}
    async with browser.request(method, url.replace("{id}", name), **sent) as answer:
        status, text = str(answer.status), await answer.text(errors="replace")
    allowed = described["responses"]
    if status not in allowed and status != "405":
        return [(method, url, status, sent, text[:200])]
    content = allowed.get(status, {}).get("content", {}).get("application/json")
    if content is None or (status == "404" and not text.startswith("{")):
        return []
    try:
        jsonschema.validate(json.loads(text), {**content["schema"], "components": document["components"]})
    except (jsonschema.ValidationError, ValueError) as error:
        return [(method, url, status, text[:200], str(error)[:200])]
    return []


async def test_every_endpoint_is_described_and_every_answer_typed(world):
    """No route of the API beside the document."""
    async with world.browser(await world.account("anna", "owner")) as browser:
        document = await (await browser.get("/api/v1/openapi.json")).json()
    described = {(method.upper(), path) for path, one in document["paths"].items() for method in one}
    served = {(one.method, one.path) for one in world.door.routes() if one.path.startswith("/api/v1/")}

    assert {("GET", "/api/v1/openapi.json")} == served - described
    assert set() == described - served


async def test_a_conversation_can_be_searched_paged_renamed_and_deleted(world):
    """The whole of it, as the page uses it."""
    room = "/api/v1/conversations/main"
    async with world.browser(await world.account("anna", "owner")) as browser:
        for n in range(5):
            headers = {"Idempotency-Key": f"{n}"}
            await browser.post(f"{room}/messages", json={"text": f"word{n} common"}, headers=headers)
        page = await (await browser.get(f"{room}/messages?limit=2")).json()
        first = page["messages"][0]["seq"]
        older = await (await browser.get(f"{room}/messages?limit=10&before={first}")).json()
        found = await (await browser.get("/api/v1/search?q=common%20WORD3")).json()
        wild = await (await browser.get("/api/v1/search?q=%25")).json()
        renamed = await (await browser.patch(room, json={"title": "Other"})).json()
        gone = (await browser.delete(room)).status
        after = (await browser.get(f"{room}/messages")).status

    assert ["word3 common", "word4 common"] == [one["text"] for one in page["messages"]]
    assert (True, False, 3) == (page["more"], older["more"], len(older["messages"]))
    assert ["word3 common"] == [one["snippet"] for one in found["results"]]
    assert ([], "Other", 204, 404) == (wild["results"], renamed["title"], gone, after)


async def test_a_file_goes_in_and_out_and_a_great_one_does_not(world):
    """As a download, never as a page; 20 MiB at the most, in pieces too."""
    async with world.browser(await world.account("anna", "owner")) as browser:
        form = {"file": io.BytesIO(b"<script>alert(1)</script>")}
        kept = await (await browser.post("/api/v1/uploads", data=form)).json()
        got = await browser.get(f"/api/v1/files/{kept['id']}?inline=1")
        body, kind = await got.read(), got.headers["Content-Type"]
        how = got.headers["Content-Disposition"].split(";")[0]

        async def endless():
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
            for _ in range(21):
                yield b"x" * 1024 * 1024
                await asyncio.sleep(0)
            yield b"\r\n--b--\r\n"

        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        great = await browser.post("/api/v1/uploads", data=endless(), headers=headers)

    assert (b"<script>alert(1)</script>", "application/octet-stream", "attachment") == (body, kind, how)
    assert 413 == great.status


async def test_stopping_reaches_the_answer(world):
    """All of the conversation's, or one."""
    async with world.browser(await world.account("anna", "owner")) as browser:
        path = "/api/v1/conversations/main"
        await browser.post(f"{path}/messages", json={"text": "q"}, headers={"Idempotency-Key": "1"})
        world.bot.working = list(world.bot.taken)
        stopped = await (await browser.post(f"{path}/cancel", json={})).json()

    assert [world.bot.taken[0].key] == stopped["stopped"] == world.bot.cancelled
