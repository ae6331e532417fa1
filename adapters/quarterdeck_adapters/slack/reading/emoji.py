"""Name emoji as people see them; Slack names them by words.

The common ones only: any other keeps its Slack name between colons, and is understood in that form as well.
"""

from __future__ import annotations

SIGNS = {
    "+1": "👍",
    "-1": "👎",
    "100": "💯",
    "alarm_clock": "⏰",
    "arrows_counterclockwise": "🔄",
    "bell": "🔔",
    "bug": "🐛",
    "clap": "👏",
    "construction": "🚧",
    "double_vertical_bar": "⏸️",
    "eyes": "👀",
    "fire": "🔥",
    "grinning": "😀",
    "hammer_and_wrench": "🛠️",
    "heart": "❤️",
    "heavy_check_mark": "✔️",
    "hourglass": "⌛",
    "hourglass_flowing_sand": "⏳",
    "joy": "😂",
    "lock": "🔒",
    "mag": "🔍",
    "memo": "📝",
    "no_entry": "⛔",
    "no_entry_sign": "🚫",
    "ok": "🆗",
    "ok_hand": "👌",
    "one": "1️⃣",
    "pray": "🙏",
    "pushpin": "📌",
    "question": "❓",
    "raised_hands": "🙌",
    "rocket": "🚀",
    "rotating_light": "🚨",
    "slightly_smiling_face": "🙂",
    "smile": "😄",
    "sos": "🆘",
    "speech_balloon": "💬",
    "star": "⭐",
    "tada": "🎉",
    "thinking_face": "🤔",
    "three": "3️⃣",
    "two": "2️⃣",
    "unlock": "🔓",
    "warning": "⚠️",
    "wave": "👋",
    "white_check_mark": "✅",
    "wrench": "🔧",
    "x": "❌",
    "zap": "⚡",
}
OTHER_NAMES = {"thumbsup": "+1", "thumbsdown": "-1"}
_NAMES = {sign.replace("\ufe0f", ""): name for name, sign in SIGNS.items()}


def sign(name: str) -> str:
    """Return the emoji that Slack calls `name`, with or without a skin tone."""
    base = name.partition("::")[0]
    base = OTHER_NAMES.get(base, base)
    return SIGNS.get(base, f":{name}:")


def name(emoji: str) -> str:
    """Return what Slack calls `emoji`; a name, with or without colons, is itself."""
    return _NAMES.get(emoji.replace("\ufe0f", "")) or emoji.strip(":")
