"""Prove that what a person sees is read as Slack shows it, and that every ping is noticed."""

from typing import Any

import pytest

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.slack.markup.blocks import block_faults, view_faults
from quarterdeck.testing.simulator.slack.markup.mrkdwn import Seen, read_blocks, read_markdown, read_mrkdwn
from quarterdeck.testing.simulator.slack.workspace import Workspace


@pytest.fixture
def workspace() -> Workspace:
    """Be a workspace with Ada in it."""
    made = Workspace(FakeClock())
    made.person("ada")
    return made


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* _it_ ~no~ `code`", "bold it no code"),
        ("*\u200bnot bold*", "*\u200bnot bold*"),
        ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4"),
        ("a &lt; b &amp;amp; c", "a < b &amp; c"),
        ("```\n*raw* &gt; 1\n```", "*raw* > 1"),
        ("&gt; quoted\nnot", "quoted\nnot"),
        ("<https://x.y/z|a *link*>", "a *link*"),
        ("<!date^1^{date}|21 November>", "21 November"),
        ("*<https://x.y|bold link>*", "bold link"),
    ],
)
def test_markup_is_read_as_shown(workspace: Workspace, text: str, shown: str) -> None:
    """Signs vanish only where Slack takes them for markup."""
    assert shown == read_mrkdwn(text, Seen(), workspace)


@pytest.mark.parametrize(
    ("text", "pings"),
    [
        ("<!channel> <!here>", ["everyone", "everyone"]),
        ("<!subteam^S123|@ops>", ["S123"]),
        ("`<!everyone>`", ["everyone"]),
        ("&lt;!channel&gt; @channel", []),
    ],
)
def test_pings_are_noticed(workspace: Workspace, text: str, pings: list[str]) -> None:
    """Also in code, where one might think that nothing happens."""
    seen = Seen()
    read_mrkdwn(text, seen, workspace)

    assert pings == seen.pings


def test_names_ping_where_slack_links_them(workspace: Workspace) -> None:
    """A text object without `verbatim` may parse mention strings."""
    for is_verbatim, pings in ((True, []), (False, ["everyone", workspace.person("ada").id])):
        seen = Seen()
        text = {"type": "mrkdwn", "text": "@channel @ada", "verbatim": is_verbatim}
        read_blocks([{"type": "section", "text": text}], seen, workspace)

        assert pings == seen.pings


def test_standard_markdown_is_read_as_shown(workspace: Workspace) -> None:
    """With its links; and a mention notifies there too."""
    seen = Seen()

    shown = read_markdown("# Title\n\n**b** [l](https://x.y) <!channel>\n\n```py\n*x*\n```", seen, workspace)

    assert ("Title\nb l <!channel>\n*x*", ["https://x.y"], ["everyone"]) == (shown, seen.links, seen.pings)


BUTTON = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Go"}}


def mrkdwn(text: str) -> dict[str, Any]:
    """Return a text object."""
    return {"type": "mrkdwn", "text": text}


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ({"type": "section"}, "text or fields"),
        ({"type": "section", "text": mrkdwn("x" * 3001)}, "less than 3001"),
        ({"type": "section", "text": mrkdwn("😀" * 1501)}, "less than 3001"),
        ({"type": "section", "text": mrkdwn("")}, "more than 0"),
        ({"type": "section", "fields": [mrkdwn("x")] * 11}, "no more than 10"),
        ({"type": "section", "fields": [mrkdwn("x" * 2001)]}, "less than 2001"),
        ({"type": "header", "text": mrkdwn("x")}, "plain_text"),
        ({"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}, "less than 151"),
        (
            {"type": "actions", "elements": [{**BUTTON, "action_id": str(n)} for n in range(26)]},
            "no more than 25",
        ),
        ({"type": "actions", "elements": []}, "no fewer than 1"),
        ({"type": "actions", "elements": [BUTTON, BUTTON]}, "already exists"),
        ({"type": "actions", "elements": [{**BUTTON, "value": "x" * 2001}]}, "less than 2001"),
        ({"type": "actions", "elements": [{**BUTTON, "action_id": "x" * 256}]}, "less than 256"),
        ({"type": "actions", "elements": [{**BUTTON, "style": "green"}]}, "primary, danger"),
        (
            {"type": "actions", "elements": [{**BUTTON, "text": {"type": "plain_text", "text": "x" * 76}}]},
            "less than 76",
        ),
        ({"type": "context", "elements": [mrkdwn("x")] * 11}, "no more than 10"),
        ({"type": "markdown", "text": "x" * 12001}, "less than 12001"),
        ({"type": "image", "image_url": "https://x"}, "alt_text"),
        ({"type": "section", "text": mrkdwn("x"), "block_id": "x" * 256}, "less than 256"),
        ({"type": "fancy"}, "unsupported type"),
    ],
)
def test_blocks_are_refused_with_what_is_wrong(block: dict[str, Any], fault: str) -> None:
    """The place stands in the words."""
    found = block_faults([block])

    assert 1 == len([one for one in found if fault in one]), found
    assert all("[json-pointer:/blocks/0" in one for one in found)


def test_sound_blocks_are_taken() -> None:
    """At their very limits."""
    blocks = [
        {"type": "section", "text": mrkdwn("x" * 3000), "accessory": BUTTON},
        {"type": "actions", "elements": [{**BUTTON, "value": "x" * 2000}]},
        {"type": "divider"},
    ]

    assert [] == block_faults(blocks)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"type": "home"}, "modal"),
        ({"title": {"type": "plain_text", "text": "x" * 25}}, "less than 25"),
        ({"blocks": []}, "blocks"),
        ({"blocks": [{"type": "divider"}] * 101}, "no more than 100"),
        ({"private_metadata": "x" * 3001}, "less than 3001"),
        (
            {
                "blocks": [
                    {
                        "type": "input",
                        "label": {"type": "plain_text", "text": "L"},
                        "element": {"type": "plain_text_input", "max_length": 3001},
                    }
                ],
                "submit": {"type": "plain_text", "text": "Send"},
            },
            "between 1 and 3000",
        ),
        (
            {
                "blocks": [
                    {
                        "type": "input",
                        "label": {"type": "plain_text", "text": "L"},
                        "element": {"type": "plain_text_input"},
                    }
                ]
            },
            "submit",
        ),
    ],
)
def test_forms_are_refused_with_what_is_wrong(change: dict[str, Any], fault: str) -> None:
    """An otherwise sound form takes the change."""
    sound = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Title"},
        "blocks": [{"type": "section", "text": mrkdwn("x")}],
    }

    assert [] == view_faults(sound)
    assert any(fault in one for one in view_faults({**sound, **change}))
