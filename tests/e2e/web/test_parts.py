"""Files, code, sources, buttons and forms: what stands in a message besides its words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.web.harbour import Harbour, Talk
from tests.e2e.web.test_talking import said

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f0005000201a5e7b7950000000049454e44ae426082"
)


def room(harbour: Harbour, page: Page, *said: dict[str, Any]) -> Talk:
    """Open a conversation in which this stands."""
    talk = harbour.talks["room"] = Talk("room", "room")
    harbour.do(lambda: [talk.say("bot", "x", **one) for one in said])
    page.goto(f"{harbour.url}/chat/room")
    return talk


def test_files_go_by_picker_paste_and_drop(harbour: Harbour, page: Page, note: Path) -> None:
    """However a file comes, it is shown, can be taken off again, and goes out with the message."""
    room(harbour, page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach files").click()
    chooser.value.set_files(note)
    for kind, holder in (("paste", "clipboardData"), ("drop", "dataTransfer")):
        page.evaluate(
            """([kind, holder]) => {
              const given = new DataTransfer();
              given.items.add(new File(["sand"], `${kind}.txt`, {type: "text/plain"}));
              const event = kind === "paste"
                ? new ClipboardEvent(kind, {[holder]: given, bubbles: true, cancelable: true})
                : new DragEvent(kind, {[holder]: given, bubbles: true, cancelable: true});
              document.getElementById("writing").dispatchEvent(event);
            }""",
            [kind, holder],
        )
    expect(page.locator("#attached li")).to_have_count(3)
    page.get_by_role("button", name="Remove paste.txt").click()
    page.get_by_label("Message", exact=True).fill("see these")
    page.keyboard.press("Enter")

    expect(page.locator("#messages .mine .file")).to_have_text(["note.txt12 B", "drop.txt4 B"])
    assert [b"sand", b"sand", b"tide tables\n"] == sorted(content for _, content in harbour.uploads.values())


def test_a_picture_is_shown_from_our_own_origin(harbour: Harbour, page: Page) -> None:
    """Pictures that the bot drew stand in the conversation, with their name for who cannot see them."""
    about = {"id": "dot", "name": "chart.png", "media_type": "image/png", "size_bytes": len(DOT)}
    harbour.uploads["dot"] = (about, DOT)
    room(harbour, page, {"files": [about]})

    picture = page.get_by_role("img", name="chart.png")
    expect(picture).to_be_visible()
    assert 1 == picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)")


def test_code_is_coloured_and_copied(harbour: Harbour, page: Page) -> None:
    """What is copied is the code alone, to the letter."""
    code = 'def f(x):\n    return "a&lt;b"  # why'
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    room(harbour, page, {"html": f'<pre><code class="language-python">{code}</code></pre>'})
    page.get_by_role("button", name="Copy code").click()
    expect(page.get_by_text("Copied").first).to_be_visible()

    assert 'def f(x):\n    return "a<b"  # why' == page.evaluate("navigator.clipboard.readText()")
    assert ["def", "f", "return", '"a<b"', "# why"] == page.locator(".codebox pre span").all_inner_texts()


def test_a_citation_opens_its_passage_beside_the_answer(harbour: Harbour, page: Page) -> None:
    """A claim and its source are read side by side; the focus comes back where it was."""
    harbour.passage = {"html": "<p>Every 90 days.</p>", "before": "", "after": "", "url": "", "text": ""}
    cited = {"n": 1, "document": "certificates.md", "heading": "Rotation", "url": "", "chunk": "c1"}
    mark = '<p>Rotate it <a class="citation" href="#citation-1" data-n="1">1</a>.</p>'
    room(harbour, page, {"html": mark, "citations": [cited]})
    page.get_by_role("button", name="Source 1: certificates.md").click()
    expect(page.locator("#passage")).to_contain_text("Every 90 days.")
    expect(page.locator("#passage h3")).to_have_text("Rotation")
    page.keyboard.press("Escape")

    expect(page.locator("#passage")).to_be_hidden()
    expect(page.get_by_role("button", name="Source 1: certificates.md")).to_be_focused()


def test_a_button_is_pressed_once(harbour: Harbour, page: Page) -> None:
    """A second click while the first is under way presses nothing."""
    room(harbour, page, {"buttons": [{"id": "go", "label": "Deploy", "danger": False}]})
    page.get_by_role("button", name="Deploy").dblclick()
    expect(said(page, "You said")).to_be_visible()

    assert [{"seq": 1, "button": "go"}] == [post["press"] for post in harbour.posts]


def test_a_form_asks_for_what_is_missing_and_sends_typed_values(harbour: Harbour, page: Page) -> None:
    """What is needed is named at its place, before anything is sent."""
    inputs = [
        {"id": "count", "label": "How many", "kind": "integer", "required": True},
        {"id": "where", "label": "Where", "kind": "choice", "required": True, "choices": ["here", "there"]},
        {"id": "loud", "label": "Aloud", "kind": "boolean", "required": False},
    ]
    room(harbour, page, {"form": {"id": "f1", "title": "Reminder", "inputs": inputs}})
    page.get_by_role("form", name="Reminder").get_by_role("button", name="Send").click()
    expect(page.get_by_label("How many")).to_be_focused()
    expect(page.get_by_text("This is needed.")).to_have_count(2)
    page.get_by_label("How many").fill("3")
    page.get_by_label("Where").select_option("there")
    page.get_by_label("Aloud").check()
    page.get_by_role("form", name="Reminder").get_by_role("button", name="Send").click()
    expect(said(page, "You said")).to_be_visible()

    form = {"seq": 1, "id": "f1", "values": {"count": 3, "where": "there", "loud": True}, "files": []}
    assert form == harbour.posts[-1]["form"]


def test_markup_that_slipped_through_does_nothing(harbour: Harbour, page: Page) -> None:
    """The server sanitises; should it ever fail, the page's own lock holds (the fixture minds requests and policy)."""
    evil = (
        '<p onclick="alert(1)">a</p><img src="https://evil.example/x" onerror="alert(1)">'
        '<script>document.title="owned"</script><iframe src="https://evil.example"></iframe>'
        '<a href="javascript:alert(1)">b</a><form action="/x"><input name="c"></form><svg onload="alert(1)"></svg>'
    )
    room(harbour, page, {"html": evil})
    expect(said(page, "a")).to_be_visible()

    held = page.locator("#messages .text").evaluate("(text) => text.innerHTML")
    assert '<p dir="auto">a</p>document.title="owned"<a>b</a>' == held
