"""Collect the sections of the chat platforms: one for each folder in `quarterdeck_adapters` that has `settings.py`.

So a platform is added by its folder alone. Such a file has `SETTINGS`, a `Section` with a method `missing`, and
`VARIABLES`, the environment variables that stand for keys of it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from pydantic import create_model

from quarterdeck.runtime.platforms import PACKAGE, names_with
from quarterdeck.runtime.settings.section import Section, by_default


class PlatformSection(Protocol):
    """Be one platform's section."""

    def missing(self) -> str:
        """Say what to set so that it comes on, empty where nothing is missing."""


class PlatformsBase(Section):
    """Connect chat platforms; the console needs nothing."""

    def missing(self) -> dict[str, str]:
        """Say for each platform what to set so that it comes on; empty text where nothing is missing."""
        return {name: self.of(name).missing() for name in type(self).model_fields}

    def of(self, platform: str) -> PlatformSection:
        """Return a platform's section."""
        return cast("PlatformSection", getattr(self, platform))


_MODULES = {name: importlib.import_module(f"{PACKAGE}.{name}.settings") for name in names_with("settings.py")}

if TYPE_CHECKING:

    class PlatformsSettings(PlatformsBase):
        """Hold a section for each platform."""

        def __getattr__(self, name: str) -> Any: ...

else:
    PlatformsSettings = create_model(
        "PlatformsSettings",
        __base__=PlatformsBase,
        __doc__=PlatformsBase.__doc__,
        **{name: (module.SETTINGS, by_default()) for name, module in _MODULES.items()},
    )

VARIABLES: Mapping[str, tuple[str, ...]] = {
    variable: ("platforms", name, key)
    for name, module in _MODULES.items()
    for variable, key in module.VARIABLES.items()
}
"""Variables that switch a platform on by being there."""
