"""Answer what is about the application, the server, its channels and people, and the commands."""

from __future__ import annotations

from typing import Any

from quarterdeck.testing.simulator.discord.bodies import (
    bot_body,
    channel_body,
    guild_body,
    member_body,
    roles_body,
    user_body,
)
from quarterdeck.testing.simulator.discord.messages import Answer, Ask
from quarterdeck.testing.simulator.discord.refusal import Refused, invalid, unknown
from quarterdeck.testing.simulator.discord.site import Site
from quarterdeck.testing.simulator.discord.world import (
    APPLICATION_ID,
    BOT_ID,
    GUILD_ID,
    THREAD,
    Person,
)

MEMBERS_BIT = 1 << 1


async def gateway(site: Site, ask: Ask) -> Answer:
    """Say where the gateway is, and how many sessions may still begin today."""
    return 200, site.gateway.describe()


async def plain_gateway(site: Site, ask: Ask) -> Answer:
    """Say where the gateway is."""
    return 200, {"url": site.gateway.describe()["url"]}


async def me(site: Site, ask: Ask) -> Answer:
    """Say who the bot is."""
    return 200, bot_body() | {"verified": True, "mfa_enabled": False, "locale": "en-US", "flags": 0}


async def application(site: Site, ask: Ask) -> Answer:
    """Say what the application is."""
    return 200, {
        "id": str(APPLICATION_ID),
        "name": "Quarterdeck",
        "icon": None,
        "description": "",
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": site.public_key,
        "owner": user_body(1, "owner"),
        "team": None,
        "flags": 0,
        "flags_new": "0",
        "type": None,
        "redirect_uris": [],
        "role_connections_verification_url": None,
        "approximate_guild_count": 1,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "eligible_oauth2_scopes": [],
        "tags": [],
        "rpc_origins": [],
        "hook": True,
        "interactions_endpoint_url": None,
    }


def check_guild(ask: Ask) -> None:
    """Pass the one server that there is.

    Raises:
        Refused: it is another.
    """
    if ask.number("guild") != GUILD_ID:
        raise unknown(10004, "Guild")


async def guilds(site: Site, ask: Ask) -> Answer:
    """List the servers of the bot."""
    body = guild_body(site.world, whole=False)
    return 200, [
        {name: body[name] for name in ("id", "name", "icon", "features")}
        | {"owner": False, "permissions": "0"}
    ]


async def guild(site: Site, ask: Ask) -> Answer:
    """Return the server."""
    check_guild(ask)
    return 200, guild_body(site.world, whole=False)


async def channels(site: Site, ask: Ask) -> Answer:
    """Return the channels of the server, without threads."""
    check_guild(ask)
    there = [one for one in site.world.channels.values() if not one.is_gone and one.type == 0]
    return 200, [channel_body(site.world, one) for one in there if "view" not in one.denied]


async def active_threads(site: Site, ask: Ask) -> Answer:
    """Return the threads of the server that are not archived."""
    check_guild(ask)
    there = [one for one in site.world.channels.values() if one.type == THREAD]
    there = [one for one in there if not one.is_gone and not one.is_archived]
    return 200, {"threads": [channel_body(site.world, one) for one in there], "members": []}


async def roles(site: Site, ask: Ask) -> Answer:
    """Return the roles of the server."""
    check_guild(ask)
    return 200, roles_body(site.world)


def person_of(site: Site, ask: Ask, code: int, what: str) -> Person | None:
    """Return somebody by the id in the path, None for the bot.

    Raises:
        Refused: nobody has it.
    """
    number = ask.number("user")
    person = site.world.person_of(number)
    if person is None and number != BOT_ID:
        raise unknown(code, what)
    return person


async def member(site: Site, ask: Ask) -> Answer:
    """Return a member of the server."""
    check_guild(ask)
    return 200, member_body(site.world, person_of(site, ask, 10007, "Member"))


async def members(site: Site, ask: Ask) -> Answer:
    """List the members of the server, by number; needs the privileged intent."""
    check_guild(ask)
    if not site.privileged & MEMBERS_BIT:
        raise Refused(403, 50001, "Missing Access")
    limit = ask.query.get("limit", "1")
    if not limit.isdecimal() or not 1 <= int(limit) <= 1000:
        raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be less than or equal to 1000.")
    after = int(ask.query.get("after", 0))
    people = sorted((one for one in site.world.people.values() if one.id > after), key=lambda one: one.id)
    bodies = [member_body(site.world, one) for one in people]
    if after < BOT_ID:
        bodies.append(member_body(site.world, None))
    return 200, bodies[: int(limit)]


async def user(site: Site, ask: Ask) -> Answer:
    """Return somebody."""
    person = person_of(site, ask, 10013, "User")
    return 200, user_body(person.id, person.handle) if person else bot_body()


async def open_direct(site: Site, ask: Ask) -> Answer:
    """Open a direct conversation."""
    number = str(ask.body.json.get("recipient_id") or "")
    person = site.world.person_of(int(number)) if number.isdecimal() else None
    if person is None:
        raise invalid("recipient_id", "USER_NOT_FOUND", "User not found")
    return 200, channel_body(site.world, site.world.direct(person.handle))


async def channel(site: Site, ask: Ask) -> Answer:
    """Return a channel."""
    return 200, channel_body(site.world, site.world.channel_for(ask.number("channel")))


async def change_channel(site: Site, ask: Ask) -> Answer:
    """Change a thread: archive, lock, name."""
    found = site.world.channel_for(ask.number("channel"), need="threads")
    given = ask.body.json
    if found.type == THREAD:
        found.is_archived = bool(given.get("archived", found.is_archived))
        found.is_locked = bool(given.get("locked", found.is_locked))
    found.name = str(given.get("name") or found.name)
    await site.events.channel("THREAD_UPDATE" if found.type == THREAD else "CHANNEL_UPDATE", found)
    return 200, channel_body(site.world, found)


async def join_thread(site: Site, ask: Ask) -> Answer:
    """Let the bot into a thread."""
    site.world.channel_for(ask.number("channel"))
    return 204, None


def scope_of(ask: Ask) -> int:
    """Return the scope of commands: a server, or 0.

    Raises:
        Refused: another application's, or a server that the bot is not in.
    """
    if ask.number("application") != APPLICATION_ID:
        raise Refused(403, 20012, "You are not authorized to perform this action on this application")
    if "guild" not in ask.ids:
        return 0
    if ask.number("guild") != GUILD_ID:
        raise Refused(403, 50001, "Missing Access")
    return GUILD_ID


async def list_commands(site: Site, ask: Ask) -> Answer:
    """Return the commands of a scope."""
    return 200, site.commands.in_scope(scope_of(ask))


async def overwrite_commands(site: Site, ask: Ask) -> Answer:
    """Take a whole set of commands."""
    body: Any = ask.body.json
    commands = site.commands.overwrite(scope_of(ask), body)
    site.changed()
    return 200, commands


async def put_command(site: Site, ask: Ask) -> Answer:
    """Take one command in."""
    return 201, site.commands.put(scope_of(ask), ask.body.json)


async def change_command(site: Site, ask: Ask) -> Answer:
    """Change one command."""
    return 200, site.commands.change(scope_of(ask), ask.number("command"), ask.body.json)


async def remove_command(site: Site, ask: Ask) -> Answer:
    """Take one command away."""
    site.commands.remove(scope_of(ask), ask.number("command"))
    return 204, None
