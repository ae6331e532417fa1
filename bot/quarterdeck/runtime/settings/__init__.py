"""Read the settings: shipped defaults, the operator's file, `.env` and the environment, checked as one.

Names are looked up when they are first used: the sections of platforms stand in the platforms' own folders, and these
import from here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from quarterdeck.runtime.settings.environment import Environment, read_environment
    from quarterdeck.runtime.settings.loading import Loaded, SettingsInvalid, load_settings, read_settings
    from quarterdeck.runtime.settings.sections import ProviderSettings, Settings

__all__ = [
    "Environment",
    "Loaded",
    "ProviderSettings",
    "Settings",
    "SettingsInvalid",
    "load_settings",
    "read_environment",
    "read_settings",
]

_PLACES: Final = {
    "Environment": "environment",
    "Loaded": "loading",
    "ProviderSettings": "sections",
    "Settings": "sections",
    "SettingsInvalid": "loading",
    "load_settings": "loading",
    "read_environment": "environment",
    "read_settings": "loading",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
