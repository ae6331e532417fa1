"""`check` says which commands there are, and what a platform that is on cannot do."""

from __future__ import annotations

from pathlib import Path

from quarterdeck.router.findings import findings
from quarterdeck.runtime.settings.sections import Settings

UPLOAD = """
from quarterdeck.core.command import Call, Command
from quarterdeck.core.reply import Reply

async def run(call: Call) -> Reply:
    return Reply(text="hi")

COMMAND = Command(name="upload", summary="Ours", handler=run, needs={needs})
"""


def found(folder: Path, needs: str, **platforms) -> list[tuple[str, str]]:
    """Check an installation whose owner has a command with these needs."""
    (folder / "commands").mkdir(parents=True, exist_ok=True)
    (folder / "commands" / "upload.py").write_text(UPLOAD.format(needs=needs), "utf-8")
    settings = Settings.model_validate({"user_dir": str(folder), "platforms": platforms})
    return [(one.level, one.message) for one in findings(settings)]


def test_a_fallback_is_said_for_what_is_on(tmp_path: Path) -> None:
    """And nothing of platforms that are off."""
    said = found(tmp_path, "('thread',)")

    assert ("ok", "console: a thread of its own: in the conversation itself") in said
    assert [] == [
        message for _, message in said if message.startswith(("slack: ", "discord: ", "telegram: "))
    ]
    assert "yours: /upload" in said[0][1]


def test_a_need_without_a_fallback_is_an_error(tmp_path: Path, monkeypatch) -> None:
    """It would be refused each time."""
    from quarterdeck.router import findings as module
    from quarterdeck.runtime.platform_facts import read

    bare = read("console").model_copy(update={"abilities": ()})
    monkeypatch.setattr(module, "read_all", lambda: {"console": bare})

    assert ("error", "console: /upload needs what this platform does not have: files, in and out") in found(
        tmp_path, "('file',)"
    )


def test_what_is_native_is_counted(tmp_path: Path) -> None:
    """With the token there, as the operator will see it."""
    said = found(tmp_path, "()", telegram={"token": "env:TELEGRAM_BOT_TOKEN"})

    assert [1] == [
        len([one for one in said if one[1].startswith("telegram: ") and one[1].endswith(" native")])
    ]


def test_it_is_said_who_is_joined_by_mail_and_what_slack_needs() -> None:
    """Nothing where it is off; the scope where it is on; a warning where nobody proves addresses."""
    emails = {"access": {"emails": {"domains": ["example.com"]}}}
    slack = {"bot_token": "env:SLACK_BOT_TOKEN", "app_token": "env:SLACK_APP_TOKEN"}

    def said(settings: dict[str, object]) -> list[tuple[str, str]]:
        found = findings(Settings.model_validate(settings))
        return [(one.level, one.message) for one in found if "address" in one.message]

    joined = "accounts that prove the same address at example.com become one person, up to the role operator"
    assert [] == said({})
    assert ("ok", joined) in said({**emails, "platforms": {"slack": slack}})
    assert any("users:read.email" in text for _, text in said({**emails, "platforms": {"slack": slack}}))
    assert ["ok", "warning"] == [level for level, _ in said(emails)]
