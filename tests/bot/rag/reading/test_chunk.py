"""Chunks follow the structure of a document, and know where they come from."""

import pytest

from quarterdeck.rag.reading.chunk import Chunker, Outline
from quarterdeck.rag.reading.formats.parsed import Parsed
from quarterdeck.rag.vector.minilm import tokenizer


@pytest.fixture(scope="module")
def chunker() -> Chunker:
    return Chunker(tokenizer(), chunk_tokens=120, overlap_tokens=16)


def test_each_chunk_has_one_heading_with_its_path(chunker: Chunker) -> None:
    """The citation names the heading: text of two sections in one chunk would name the wrong one."""
    text = "# Guide\n\nIntro words.\n\n## One\n\nAlpha.\n\n### Deep\n\nBeta.\n\n## Two ##\n\nGamma.\n"
    title, pieces = chunker.cut(Parsed(text=text), "file")

    assert "Guide" == title
    assert [
        ("Guide", "Intro words."),
        ("Guide › One", "Alpha."),
        ("Guide › One › Deep", "Beta."),
        ("Guide › Two", "Gamma."),
    ] == [(piece.heading, piece.text) for piece in pieces]


def test_offsets_point_into_the_document(chunker: Chunker) -> None:
    """A reader is led to the place, not to the file."""
    text = "# Größe\n\n" + "\n\n".join(
        f"Paragraph {n} says something about boats and ropes." for n in range(60)
    )
    _, pieces = chunker.cut(Parsed(text=text), "file")

    assert len(pieces) > 3
    assert [piece.text for piece in pieces] == [text[piece.start : piece.end] for piece in pieces]


def test_comments_are_left_out_and_offsets_stay_right(chunker: Chunker) -> None:
    """Node's documentation has a history in a comment below each heading."""
    text = "# T\n\n<!-- YAML\nadded: v1\n\n-->\n\nWords <!-- gone --> stay.\n\n```html\n<!-- code -->\n```\n"
    _, [piece] = chunker.cut(Parsed(text=text), "file")

    assert ["Words", "stay.", "```html", "<!--", "code", "-->", "```"] == piece.text.split()
    assert text[piece.start : piece.end].startswith("Words")
    assert text[piece.start : piece.end].endswith("```")


def test_a_hash_inside_code_is_no_heading(chunker: Chunker) -> None:
    """Shell comments look like headings."""
    text = "# Real\n\n~~~bash\n# not a heading\n```\n# neither\n~~~\n\nSetext\n======\n\nEnd.\n"

    assert [(), ("Real",), ("Setext",)] == [section.headings for section in Outline(text).sections]


def test_a_rule_below_a_paragraph_of_several_lines_is_no_heading() -> None:
    """Only a single line between empty ones can be underlined."""
    text = "one\ntwo\nthree\n---\n\n| a |\n---\n\nTitle\n---\n"

    assert [(), ("Title",)] == [section.headings for section in Outline(text).sections]


def test_code_and_tables_stay_whole_when_they_fit(chunker: Chunker) -> None:
    """Half a table answers nothing."""
    table = "| name | port |\n| --- | --- |\n" + "\n".join(f"| service{n} | {8000 + n} |" for n in range(6))
    code = "```bash\n" + "\n".join(f"command --number {n} --force" for n in range(8)) + "\n```"
    filler = "Some words that fill the chunk before the block comes along. " * 6
    _, pieces = chunker.cut(Parsed(text=f"# T\n\n{filler}\n\n{table}\n\n{filler}\n\n{code}\n"), "file")

    assert 1 == sum(table in piece.text for piece in pieces)
    assert 1 == sum(code in piece.text for piece in pieces)


def test_no_chunk_is_longer_than_what_the_model_reads() -> None:
    """What lies beyond is not in the vector, so it could not be found."""
    chunker = Chunker(tokenizer(), chunk_tokens=2000, overlap_tokens=100)
    counting = tokenizer()
    heading = "A heading with quite a few words in it, as they are found in the wild"
    _, pieces = chunker.cut(Parsed(text=f"# {heading}\n\n" + "lorem ipsum dolor sit amet " * 2000), "file")

    assert all(len(counting.encode(f"{heading}\n{piece.text}").ids) <= 256 for piece in pieces)


def test_sizes_are_settings() -> None:
    """Somebody with short notes wants short chunks."""
    text = "# T\n\n" + "Ships sail. " * 400
    counts = [
        len(Chunker(tokenizer(), chunk_tokens=size, overlap_tokens=overlap).cut(Parsed(text=text), "f")[1])
        for size, overlap in ((200, 0), (60, 0), (60, 30))
    ]

    assert counts == sorted(counts)
    assert len(set(counts)) == 3


def test_the_title_comes_from_the_front_matter_then_the_first_heading_then_the_name(chunker: Chunker) -> None:
    """A passage is read without its document: the title goes with it."""
    front = "---\ntitle: 'Running the ship'\ntags: [a]\n---\n\n# Other\n\nText.\n"

    assert "Running the ship" == chunker.cut(Parsed(text=front), "file")[0]
    assert "Other" == chunker.cut(Parsed(text="intro\n\n# Other\n\nText\n"), "file")[0]
    assert "file" == chunker.cut(Parsed(text="just text"), "file")[0]
    assert "tags" not in "".join(piece.text for piece in chunker.cut(Parsed(text=front), "file")[1])


def test_pages_are_counted_from_one(chunker: Chunker) -> None:
    """As the reader counts them."""
    text = "first page\n\n" + "second page\n\n"
    _, pieces = chunker.cut(Parsed(text=text, pages=(0, 12)), "file")

    assert 1 == pieces[0].page


@pytest.mark.parametrize(
    "text", ["#" * 100_000, "```\n" * 50_000, "<!--" * 50_000, "[" * 100_000, "> " * 50_000]
)
def test_hostile_markdown_is_cut_in_little_time(chunker: Chunker, text: str) -> None:
    """Whoever can add a document must not be able to keep the reader busy for minutes; the limit is pytest's."""
    chunker.cut(Parsed(text=f"# T\n\nword {text}"), "file")


def test_a_short_document_without_parts_stays_whole(chunker: Chunker) -> None:
    """Its last sentences in a passage of their own say nothing of what they are about; a longer one is cut."""
    sentence = "The boundary layer separates ahead of the shock and meets the wall again behind it. "
    _, whole = chunker.cut(Parsed(text=f"\n{sentence * 10}\n"), "abstract")
    _, parts = chunker.cut(Parsed(text=sentence * 10 + "\n\n## Results\n\n" + sentence), "paper")
    _, longer = chunker.cut(Parsed(text=sentence * 20), "paper")

    assert [(sentence * 10).strip()] == [piece.text for piece in whole]
    assert (True, True) == (len(parts) > 2, len(longer) > 1)
