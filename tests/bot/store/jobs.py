"""Hand the store small jobs over the facts."""

from sqlalchemy import insert, select

from quarterdeck.store.tables import facts as facts_table

INSERT = insert(facts_table)


def put(name: str, value: str = "v"):
    """Return a job that inserts a fact and fails when it is there."""
    return lambda connection: connection.execute(INSERT, {"name": name, "value": value}).rowcount


def names(connection) -> list[str]:
    return list(connection.execute(select(facts_table.c.name).order_by(facts_table.c.name)).scalars())
