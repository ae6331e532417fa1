"""Without a model, the best sentences are quoted: short, whole, in their own words."""

from quarterdeck.core.ports import Passage
from quarterdeck.rag.words.quote import quotes, sentences, units


class NoVectors:
    """Be a librarian that is not there."""

    async def compare(self, text, others):
        return None


def passage(text: str, heading: str = "Heading") -> Passage:
    return Passage(
        chunk_id=text[:9], document="d.md", collection="c", heading=heading, text=text, url="", score=1.0
    )


FILLER = "The harbour is large and has many ships of all kinds in it. " * 8


async def test_the_sentence_that_answers_is_chosen() -> None:
    """Not the whole passage: somebody reads this in a chat."""
    text = f"{FILLER}The crane lifts ninety tons. {FILLER}"
    [quote] = await quotes("how many tons does the crane lift", [passage(text)], NoVectors())

    assert "The crane lifts ninety tons." == quote.text


async def test_steps_and_code_are_quoted_whole_with_what_leads_to_them() -> None:
    """Half a procedure is dangerous."""
    steps = "Do this to rotate the anchor:\n\n1. Stop the winch.\n2. Turn the anchor.\n\n3. Start the winch."
    [quote] = await quotes("rotate the anchor", [passage(f"{FILLER}\n\n{steps}\n\n{FILLER}")], NoVectors())

    assert steps.replace("\n\n3", "\n3").split() == quote.text.split()


async def test_a_short_passage_is_quoted_whole() -> None:
    """Choosing from three sentences loses more than it saves."""
    [quote] = await quotes("crane", [passage("One crane. It is red.\n\n- old\n- loud")], NoVectors())

    assert "One crane. It is red.\n\n- old\n- loud" == quote.text


async def test_a_worse_passage_is_not_quoted_beside_a_good_one() -> None:
    """Two citations for one claim look like two claims."""
    good, bad = f"The crane lifts ninety tons. {FILLER}", f"A boat is nice. {FILLER} "
    found = await quotes("tons crane lifts", [passage(good), passage(bad)], NoVectors())

    assert [good] == [one.passage.text for one in found]


async def test_what_two_chunks_share_is_quoted_once() -> None:
    """Neighbouring chunks overlap by a setting."""
    shared = "The crane lifts ninety tons."
    found = await quotes(
        "tons crane lifts", [passage(f"{FILLER}{shared}"), passage(f"{shared} {FILLER}")], NoVectors()
    )

    assert [shared] == [one.text for one in found]


def test_sentences_end_where_they_end() -> None:
    """An abbreviation or a version is no end."""
    text = "Use e.g. Version 2.1 of it. Dr. Smith knows! Does he? (Yes.) See fs.read for more."

    assert [
        "Use e.g. Version 2.1 of it.",
        "Dr. Smith knows!",
        "Does he?",
        "(Yes.)",
        "See fs.read for more.",
    ] == sentences(text)


def test_blocks_are_not_cut() -> None:
    """Code with an empty line in it, a table, a list whose items have several lines."""
    text = (
        "Intro:\n\n```sh\na\n\nb\n```\n| x | y |\n| - | - |\n| 1 | 2 |\n\n- one\n  more\n- two\n\n"
        "1. first\n\n   detail\n2. second\n\nEnd. Of it.\n\n```\ncut off"
    )

    assert [
        "Intro:",
        "```sh\na\n\nb\n```",
        "| x | y |\n| - | - |\n| 1 | 2 |",
        "- one\n  more",
        "- two",
        "1. first\n   detail\n2. second",
        "End.",
        "Of it.",
        "```\ncut off\n```",
    ] == [unit.text for unit in units(text, 0)]
