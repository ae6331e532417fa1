"""Fetch what people and documents name: the one guarded client for all of it."""

from quarterdeck.runtime.egress.addresses import AddressPolicy
from quarterdeck.runtime.egress.client import Egress, Fetched
from quarterdeck.runtime.egress.request import Credential
from quarterdeck.runtime.egress.resolver import Lookup, system_lookup
from quarterdeck.runtime.egress.target import Target, parse_target

__all__ = [
    "AddressPolicy",
    "Credential",
    "Egress",
    "Fetched",
    "Lookup",
    "Target",
    "parse_target",
    "system_lookup",
]
