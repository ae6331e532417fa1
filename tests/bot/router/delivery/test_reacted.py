"""An emoji below a reply can be one of its buttons."""

from quarterdeck.core.event import Reacted
from quarterdeck.core.person import Identity


def reacted(bot, message_id: str, *, added: bool = True) -> Reacted:
    """Return a thumb below a message."""
    original = bot.platform.posted("", event_id="r0")
    return Reacted(
        id=f"r{message_id}{added}",
        platform="fake",
        received_at=original.received_at,
        conversation=original.conversation,
        actor=original.actor,
        message_id=message_id,
        emoji="👎",
        added=added,
    )


async def test_an_emoji_that_means_a_command_runs_it_and_any_other_runs_nothing(bot) -> None:
    """The key is that of the event that the message answers; taken back, or below a stranger's message, it is none."""
    asked: list[tuple[str, str, str]] = []

    async def meaning(cause: str, emoji: str, actor: Identity) -> str:
        asked.append((cause, emoji, str(actor)))
        return "/echo heard"

    bot.outbox._meaning = meaning
    await bot.ask("/ping", event_id="m1")
    [row] = await bot.outbox_rows.deliveries(limit=10)
    sent = await bot.outbox_rows.target(row.id)
    for event in (
        reacted(bot, sent.message_id, added=False),
        reacted(bot, "theirs"),
        reacted(bot, sent.message_id),
    ):
        await bot.inbox.accept(event)
        await bot.settled()

    assert ["Pong.", "heard"] == bot.platform.texts()
    assert [("👎", "fake::U1")] == [(emoji, actor) for _, emoji, actor in asked]
    assert asked[0][0].endswith("m1")
