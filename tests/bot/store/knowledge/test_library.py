"""Documents, chunks and full text change together."""

from sqlalchemy import Connection, event

from quarterdeck.core.knowledge import PUBLIC, Chunk, Document, Filters, Scope
from quarterdeck.store.engine import Store
from quarterdeck.store.knowledge.library import KnowledgeLibrary

DOCUMENT = Document(id="d1", collection="c", path="/a.md", name="a.md", root="/")


def chunk(id_: str, text: str, heading: str = "") -> Chunk:
    return Chunk(
        id=id_,
        heading=heading,
        text=text,
        start=0,
        end=len(text),
        searchable=("a", heading, text),
        embedding=b"1234",
        embedder="m",
    )


async def test_a_document_replaces_what_was_there(store: Store) -> None:
    """And says which chunks are gone, so that the index can follow."""
    library = KnowledgeLibrary(store)
    await library.put(DOCUMENT, [chunk("1", "old words"), chunk("2", "kept words")])
    change = await library.put(DOCUMENT, [chunk("2", "kept words"), chunk("3", "fresh words")])

    assert (("1",), 2) == (change.gone, change.generation)
    assert ["2", "3"] == sorted(
        found.id
        for found, _ in await library.matches(
            ["words"], [Scope(collection="c", audience=PUBLIC)], 10, Filters()
        )
    )
    assert [] == await library.matches(["old"], [Scope(collection="c", audience=PUBLIC)], 10, Filters())


async def test_words_match_their_other_forms_and_say_where_they_stand(store: Store) -> None:
    """Somebody asks for certificates and the page says certificate."""
    library = KnowledgeLibrary(store)
    await library.put(
        DOCUMENT, [chunk("1", "the body", heading="Rotating a certificate"), chunk("2", "no more")]
    )
    found = [
        one
        for one, _ in await library.matches(
            ["certificates", "rotate"], [Scope(collection="c", audience=PUBLIC)], 10, Filters()
        )
    ]
    weighed = await library.weighed(["certificates", "body", "nowhere"], found, None, Filters())

    assert ["1"] == [one.id for one in found]
    assert [(1, 1, 1), (1, 1, 0), (0, 0, 0)] == [
        (where.count, len(where.chunks), len(where.headings)) for where in weighed.spread.values()
    ]


async def test_a_removed_document_leaves_nothing(store: Store) -> None:
    """Not in the tables and not in the full text."""
    library = KnowledgeLibrary(store)
    await library.put(DOCUMENT, [chunk("1", "some words")])
    change = await library.remove(Scope(collection="c", audience=PUBLIC), ["d1"])
    rows = await store.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM chunks_fts").scalar_one())

    assert (("1",), 0, [], []) == (change.gone, rows, await library.documents(), await library.by_id(["1"]))


async def test_chunks_without_a_vector_of_the_space_are_found(store: Store) -> None:
    """So that another embedder can catch up."""
    library = KnowledgeLibrary(store)
    await library.put(DOCUMENT, [chunk("1", "x"), chunk("2", "y")])
    await library.embed("n", [("1", b"5678")])

    assert ["2"] == [found.id for found in await library.without_vector("n", 10)]
    assert {"1": b"5678"} == await library.embeddings(["1", "2"], "n")
    assert ["1"] == await library.vector_ids(Scope(collection="c", audience=PUBLIC), "n")


async def test_neighbours_are_of_the_same_heading(store: Store) -> None:
    """The next section is about something else."""
    library = KnowledgeLibrary(store)
    pieces = [chunk("1", "a", "H"), chunk("2", "b", "H"), chunk("3", "c", "Other"), chunk("4", "d", "H")]
    await library.put(DOCUMENT, pieces)
    [middle] = await library.by_id(["2"])

    assert ["1", "2"] == [one.id for one in await library.beside(middle, 1)]


async def test_which_vectors_there_are_is_read_from_an_index(store: Store) -> None:
    """Asked at each start: of 100,000 passages the table is half a gigabyte, and reading has its time limit."""
    library = KnowledgeLibrary(store)
    await library.put(DOCUMENT, [chunk("1", "words"), chunk("2", "more words")])
    asked: list[tuple[str, tuple[object, ...]]] = []

    @event.listens_for(store._reading, "before_cursor_execute")
    def note(_connection, _cursor, statement, parameters, _context, _many) -> None:
        asked.append((statement, parameters))

    ids = await library.vector_ids(Scope(collection="c", audience=PUBLIC), "m")
    rest = await library.without_vector("another", 10)
    questions = list(asked)

    def plans(connection: Connection) -> list[str]:
        return [
            row[3]
            for statement, parameters in questions
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]

    told = await store.read(plans)

    assert (["1", "2"], ["1", "2"], 2) == (ids, [one.id for one in rest], len(questions))
    assert [] == [line for line in told if line.startswith("SCAN chunks") and "COVERING INDEX" not in line]
    assert 2 <= sum("chunks_by_space" in line for line in told)
