"""Decide who may do what. There is no other place that does.

`policy.py` decides by rules, `rule.py` is one rule, `document.py` the file that people write, `compiling.py` turns the
one into the other, `keeper.py` keeps the last good policy and reads a changed file anew. Deny by default.
"""

from quarterdeck.router.policy.authority import Authority
from quarterdeck.router.policy.policy import STRANGER

__all__ = ["STRANGER", "Authority"]
