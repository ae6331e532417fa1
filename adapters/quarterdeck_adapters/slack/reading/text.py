"""Read the text that people write: Slack's signs for people, channels and links become plain text.

People, channels and user groups become their immutable ids (`slack:T1:U2`), never the name that stands beside them.
"""

from __future__ import annotations

import re

from quarterdeck_adapters.slack.ids import PLATFORM

# A reference: <@U1>, <@U1|anna>, <#C1|ops>, <!subteam^S1|@ops>, <!here>, <!date^…|words>, <https://…|words>.
REFERENCE = re.compile(
    r"<(?:(?P<at>[@#])(?P<id>[A-Z0-9]{2,})(?:\|[^<>]*)?"
    r"|!subteam\^(?P<group>[A-Z0-9]{2,})(?:\|[^<>]*)?"
    r"|!(?P<all>here|channel|everyone|group)(?:\|[^<>]*)?"
    r"|!date\^[^<>|]*\|(?P<date>[^<>]*)"
    r"|(?P<url>(?:https?|mailto|tel):[^<>|\s]*)(?:\|(?P<label>[^<>]*))?)>"
)
ENTITY = re.compile(r"&(amp|lt|gt);")
SIGNS = {"amp": "&", "lt": "<", "gt": ">"}


def plain(text: str, team: str) -> str:
    """Return what somebody typed."""
    if "<" in text:
        text = REFERENCE.sub(lambda found: _named(found, team), text)
    if "&" in text:
        text = ENTITY.sub(lambda found: SIGNS[found[1]], text)
    return text


def is_mentioned(text: str, user: str) -> bool:
    """Tell whether `text` mentions the account."""
    return bool(user) and (f"<@{user}>" in text or f"<@{user}|" in text)


def without_mention(text: str, user: str) -> str:
    """Return `text` without the mention of the account that it begins with."""
    if not user:
        return text
    return re.sub(rf"^\s*<@{re.escape(user)}(?:\|[^<>]*)?>[ \t]*[:,]?\s*", "", text, count=1)


def _named(found: re.Match[str], team: str) -> str:
    if found["id"]:
        return f"{PLATFORM}:{team}:{found['id']}"
    if found["group"]:
        return f"{PLATFORM}:{team}:{found['group']}"
    if found["all"]:
        return f"@{found['all']}"
    if found["date"] is not None:
        return found["date"]
    return _link(found["url"], found["label"] or "")


def _link(url: str, label: str) -> str:
    """Return a link as typed: an address that Slack has marked up by itself is its label."""
    bare = url.removeprefix("mailto:").removeprefix("tel:")
    if not label:
        return bare
    if label == bare or f"http://{label}" == url or f"https://{label}" == url:
        return label
    return f"[{label}]({url})"
