"""What a tool returned becomes words and files of bounded size, whatever it holds."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from quarterdeck.mcp import content
from quarterdeck.mcp.content import result_of
from quarterdeck.runtime.files import MadeFiles


def text(words: object) -> dict[str, object]:
    """Return a block of words."""
    return {"type": "text", "text": words}


def blob(data: bytes, media_type: str) -> dict[str, object]:
    """Return an embedded resource."""
    resource = {"uri": "file:///etc/x", "blob": base64.b64encode(data).decode(), "mimeType": media_type}
    return {"type": "resource", "resource": resource}


async def test_words_stay_words(tmp_path: Path) -> None:
    """Nothing that moves a cursor, turns a line around or hides."""
    said = {"content": [text("a\x1b[31mb\u202ec\u200bd\U000e0041e\r\nf\tg"), text("two")], "isError": True}
    result = await result_of(said, MadeFiles(tmp_path), stem="s")

    assert ("a[31mbcde\nf\tg\n\ntwo", True, True) == (result.text, result.is_error, result.is_untrusted)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "Done."),
        ({"content": "no list"}, "Done."),
        ({"content": [None, 1, "x"]}, "Done."),
        ({"content": [], "structuredContent": {"a": 1}}, '{"a": 1}'),
        ({"content": [text("a")], "structuredContent": {"a": 1}}, "a"),
        ({"content": [text(None)]}, "None"),
        (
            {"content": [{"type": "resource_link", "uri": "http://169.254.169.254/"}]},
            "(a link to http://169.254.169.254/, which was not followed)",
        ),
        ({"content": [{"type": "resource", "resource": {"uri": "x", "text": "words"}}]}, "words"),
        (
            {"content": [{"type": "hologram"}]},
            "(1 files were left out: too large, too many, or broken)",
        ),
        (
            {"content": [{"type": "image", "data": "%%%", "mimeType": "image/png"}]},
            "(1 files were left out: too large, too many, or broken)",
        ),
    ],
)
async def test_every_form_has_its_words(tmp_path: Path, said: dict[str, object], words: str) -> None:
    """Also forms that no protocol knows."""
    result = await result_of(said, MadeFiles(tmp_path), stem="s")

    assert (words, ()) == (result.text, result.files)


async def test_long_words_are_cut_and_it_is_said(tmp_path: Path) -> None:
    """So memory is bounded."""
    result = await result_of({"content": [text("x" * 500_000)]}, MadeFiles(tmp_path), stem="s")

    assert 200_100 > len(result.text)
    assert result.text.endswith("more characters were left out)")


async def test_files_get_names_and_kinds_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is plain bytes; the fifth file, and one that is too large, are left out."""
    monkeypatch.setattr(content, "FILE_BYTES", 1000)
    said = {
        "content": [
            blob(b"pdf", "application/pdf; name=../../x"),
            blob(b"<script>", "text/html"),
            blob(b"x" * 2000, "image/png"),
            *[blob(b"n", "image/png")] * 3,
        ]
    }
    result = await result_of(said, MadeFiles(tmp_path), stem="wiki-page")
    kinds = [(file.name, file.media_type) for file in result.files]

    assert [
        ("wiki-page-1.pdf", "application/pdf"),
        ("wiki-page-2.bin", "application/octet-stream"),
        ("wiki-page-3.png", "image/png"),
        ("wiki-page-4.png", "image/png"),
    ] == kinds
    assert "(2 files were left out" in result.text
    assert all(Path(file.path).is_relative_to(tmp_path) for file in result.files)
