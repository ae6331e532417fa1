"""Tell people how the bot knows them."""

from quarterdeck.core.command import Call, Command
from quarterdeck.core.reply import Reply


async def whoami(call: Call) -> Reply:
    """Name the account, the person, the role, the groups and their other accounts."""
    person, own = call.person, str(call.identity)
    name = f"**{person.name}**, " if person.name else ""
    lines = [f"You are {name}role **{person.role}**, writing as `{own}`."]
    if person.groups:
        lines.append(f"Groups: {', '.join(sorted(person.groups))}.")
    if others := sorted(person.identities - {own}):
        lines.append(f"Also you: {', '.join(f'`{other}`' for other in others)}.")
        joined = await call.services.linking.addresses(person)
        for address in sorted(set(joined.values())):
            accounts = ", ".join(f"`{one}`" for one in sorted(joined) if joined[one] == address)
            lines.append(f"Joined because each has proven {address}: {accounts}. `/link remove` parts them.")
    return Reply(text="\n".join(lines), private_to=call.identity)


COMMAND = Command(
    name="whoami",
    summary="See how the bot knows you: account, name, role",
    handler=whoami,
    allow="viewer",
    lane="light",
    needs=("private",),
    examples=("/whoami",),
)
