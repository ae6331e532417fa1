"""Make vaults over a store, and change their rows behind their back."""

from sqlalchemy import text

from quarterdeck.store.audit import Audit
from quarterdeck.store.engine import Store
from quarterdeck.store.vault import Vault
from quarterdeck.store.vault_keys import Keys
from quarterdeck.testing.clock import FakeClock


def vault_of(store: Store, keys: Keys) -> Vault:
    clock = FakeClock()
    return Vault(store, keys, clock, Audit(store, clock, str))


async def change(store: Store, statement: str, **values: object) -> None:
    await store.write(
        "facts.changed", lambda connection: connection.execute(text(statement), values) and None
    )
