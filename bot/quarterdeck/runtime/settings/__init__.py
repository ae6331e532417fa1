"""Read the settings: shipped defaults, the operator's file, `.env` and the environment, checked as one."""

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
