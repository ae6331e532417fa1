"""Prove that single values are remembered by name."""

from quarterdeck.store.engine import Store
from quarterdeck.store.facts import Facts


async def test_a_fact_is_remembered_and_replaced(store: Store) -> None:
    """One row a name, whoever writes it again."""
    facts = Facts(store)
    unknown = await facts.get("n")
    await facts.set("n", "1")
    await facts.set("n", "2")

    assert (None, "2") == (unknown, await facts.get("n"))
