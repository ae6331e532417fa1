"""Serve the built-in model's weights with llama-cpp-python's own server: `llama_server.py PORT WEIGHTS`.

That server numbers its requests by a package that this house does not have (`starlette-context`); the numbers are for
its log, and are left out here. All else is the library's.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class Unnumbered:
    """Pass requests on."""

    def __init__(self, app: Any, plugins: object = ()) -> None:
        self._app = app

    async def __call__(self, *request: Any) -> None:
        """Do nothing to them."""
        await self._app(*request)


def serve(port: int, weights: str) -> None:
    """Serve until ended."""
    middleware, plugins = (
        ModuleType("starlette_context.middleware"),
        ModuleType("starlette_context.plugins"),
    )
    middleware.RawContextMiddleware = Unnumbered  # type: ignore[attr-defined]
    plugins.RequestIdPlugin = object  # type: ignore[attr-defined]
    sys.modules["starlette_context"] = ModuleType("starlette_context")
    sys.modules["starlette_context.middleware"] = middleware
    sys.modules["starlette_context.plugins"] = plugins

    import uvicorn
    from llama_cpp.server.app import create_app
    from llama_cpp.server.settings import ModelSettings, ServerSettings

    app = create_app(
        server_settings=ServerSettings(interrupt_requests=False),
        model_settings=[
            ModelSettings(
                model=weights, model_alias="smollm2", n_ctx=640, n_threads=2, embedding=False, verbose=False
            )
        ],
    )
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
