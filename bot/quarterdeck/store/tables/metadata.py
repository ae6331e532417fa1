"""Hold what all tables share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

Ms = BigInteger
Sequence = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only in a column of type INTEGER
