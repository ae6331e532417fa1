"""Whatever is typed becomes words, and nothing but words reaches the database."""

import pytest

from quarterdeck.rag.words.query import TOKEN_LIMIT, searchable, terms, words


def test_stop_words_go_unless_nothing_else_is_left() -> None:
    """They stand in every passage and say nothing; a question made of them alone is still a question."""
    assert ("rotate", "staging", "certificate") == terms("How do I rotate the staging certificate?")
    assert ("how", "are", "you") == terms("How are you?")


def test_terms_are_bounded_and_unique() -> None:
    """A pasted log must not become a query of a thousand parts."""
    assert TOKEN_LIMIT == len(terms(" ".join(f"word{n} word{n}" for n in range(500))))


@pytest.mark.parametrize("text", ["", "   ", '"""', "*()[]{}^:-+", "\0\0"])
def test_nothing_becomes_of_nothing(text: str) -> None:
    """Operators of the query language are no words."""
    assert () == terms(text)


def test_identifiers_are_found_by_their_parts_too() -> None:
    """People ask for `read file`, the documents say `readFileSync`."""
    assert {"readfilesync", "read", "file", "sync"} <= set(words("readFileSync"))
    assert {"HTTP", "Server"} <= set(searchable("HTTPServer").split())


def test_ideographs_are_words_of_their_own() -> None:
    """Chinese and Japanese put no spaces between words; a sentence must not be one token."""
    assert [*"証明書の更新", "証明", "明書", "書の", "の更", "更新"] == words("証明書の更新")
