"""Make vaults over a store, and change their rows behind their back."""

from sqlalchemy import text

from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.vault.keys import Keys
from quarterdeck.store.vault.vault import Vault
from quarterdeck.testing.clock import FakeClock


def vault_of(store: Store, keys: Keys) -> Vault:
    clock = FakeClock()
    return Vault(store, keys, clock, Audit(store, clock, str))


async def change(store: Store, statement: str, **values: object) -> None:
    await store.write(
        "facts.changed", lambda connection: connection.execute(text(statement), values) and None
    )
