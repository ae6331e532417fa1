"""Every message once and in order, whatever becomes of the connection; and no stream outlives the right to it."""

from __future__ import annotations

import asyncio
import time

from quarterdeck.core.person import Identity


async def say(browser, text: str, key: str, room: str = "main") -> dict:
    path = f"/api/v1/conversations/{room}/messages"
    async with browser.post(path, json={"text": text}, headers={"Idempotency-Key": key}) as answer:
        assert 202 == answer.status, await answer.text()
        return await answer.json()


async def test_a_hundred_dropped_connections_lose_and_double_nothing(world, read_events):
    """The stream goes on from the last number, wherever it was cut off."""
    seen, last, sent = [], 0, []
    async with world.browser(await world.account("anna", "owner")) as browser:
        for n in range(100):
            taken = await say(browser, f"question {n}", f"k{n}")
            world.bot.working = [world.bot.taken[-1]]
            to = world.bot.taken[-1].conversation
            await world.chat.preview(to, taken["id"], "half an ")
            async with browser.get(f"/api/v1/conversations/main/events?after={last}") as stream:
                async for name, number, data in read_events(stream):
                    if name == "message":
                        seen.append(data["text"])
                        last = number
                    if name == "piece":
                        break  # the connection drops in the middle of the answer
            await world.post("main", f"answer {n}", taken["id"])
            world.bot.working = []
            sent += [f"question {n}", f"answer {n}"]
        async with browser.get(f"/api/v1/conversations/main/events?after={last}") as stream:
            async for name, _, data in read_events(stream):
                if name == "message":
                    seen.append(data["text"])
                if name == "ready":
                    break

    assert sent == seen


async def test_a_stream_that_joins_in_mid_answer_gets_all_of_it(world, read_events):
    """What was written before, then what is new, block by block."""
    async with world.browser(await world.account("anna", "owner")) as browser:
        taken = await say(browser, "q", "k")
        world.bot.working = [world.bot.taken[0]]
        place, text, blocks = world.bot.taken[0].conversation, "", []
        await world.chat.preview(place, taken["id"], "First **block**.\n\nSec")
        async with browser.get("/api/v1/conversations/main/events") as stream:
            async for name, _, data in read_events(stream):
                if name == "piece":
                    text = text[: data["at"]] + data["text"]
                    blocks[data["from"] :] = data["html"]
                    if text.endswith("Sec"):
                        await world.chat.preview(place, taken["id"], "ond.\n\n- third\n")
                    else:
                        break

    assert "First **block**.\n\nSecond.\n\n- third\n" == text
    assert ["<p>First <strong>block</strong>.</p>", "<p>Second.</p>", "<ul>\n<li>third</li>\n</ul>"] == [
        one.strip() for one in blocks
    ]


async def test_five_hundred_streams_end_within_a_second_of_the_right_to_them(world, read_events):
    """And nothing that comes later reaches them."""
    async with world.browser(await world.account("anna", "owner")) as browser:
        await say(browser, "hello", "k")
        streams = [await browser.get("/api/v1/conversations/main/events") for _ in range(500)]
        readers = [read_events(one) for one in streams]
        for reader in readers:
            async for name, _, _data in reader:
                if name == "ready":
                    break
        begun_s = time.monotonic()
        await world.people_rows.revoke(Identity.parse("web::anna"))

        async def rest(reader) -> list[str]:
            return [data.get("reason", "") async for name, _, data in reader if name in ("over", "message")]

        ends = await asyncio.gather(*(rest(reader) for reader in readers))
        took_s = time.monotonic() - begun_s

    assert [["signed_out"]] * 500 == ends
    assert took_s < 1.0


async def test_an_edit_takes_back_what_came_after(world, read_events):
    """The new text is asked instead; who looks sees the rewind."""
    async with world.browser(await world.account("anna", "owner")) as browser:
        first = await say(browser, "old", "1")
        await world.post("main", "old answer", first["id"])
        path = "/api/v1/conversations/main/messages"
        body = {"text": "new", "edit_of": first["seq"]}
        for _ in range(2):  # sent again after a lost answer, it is done once
            await browser.post(path, json=body, headers={"Idempotency-Key": "2"})
        page = await (await browser.get(path)).json()
        seen = []
        async with browser.get("/api/v1/conversations/main/events?after=2") as stream:
            async for name, _, data in read_events(stream):
                seen.append((name, data.get("to") or data.get("text")))
                if name == "ready":
                    break

    assert ["new"] == [one["text"] for one in page["messages"]]
    assert [("rewind", 1), ("message", "new")] == seen[:2]
    assert ["old", "new"] == [one.message.text for one in world.bot.taken]


async def test_the_same_key_is_the_same_message(world):
    """And with other words it is a mistake that is said."""
    path = "/api/v1/conversations/main/messages"
    async with world.browser(await world.account("anna", "owner")) as browser:
        first, again = await say(browser, "hi", "k"), await say(browser, "hi", "k")
        other = await browser.post(path, json={"text": "other"}, headers={"Idempotency-Key": "k"})

    assert (first, 409, 1) == (again, other.status, len(world.bot.taken))


async def test_streams_go_on_after_a_restart(open_world, read_events):
    """Numbers are on disk."""
    async with open_world() as world:
        secret = await world.account("anna", "owner")
        async with world.browser(secret) as browser:
            taken = await say(browser, "before", "1")
    async with open_world() as world:
        await world.post("main", "after", taken["id"])
        async with world.browser(secret) as browser:
            headers = {"Last-Event-ID": str(taken["seq"])}
            async with browser.get("/api/v1/conversations/main/events", headers=headers) as stream:
                seen = []
                async for name, _, data in read_events(stream):
                    if name == "ready":
                        break
                    seen.append(data["text"])

    assert ["after"] == seen
