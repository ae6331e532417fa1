"""Check what every installation has: settings, secrets, folders, what is open to others.

`run` does this before anything else and refuses to start on a critical finding; `check` shows all of it, and
what the wings say besides.
"""

from __future__ import annotations

import ipaddress
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from quarterdeck.core.text import did_you_mean
from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.paths import FILE_MODE
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Environment, Loaded, Settings
from quarterdeck.runtime.settings.loading import secret_refs

KNOWN_VARIABLES: Final = ("QUARTERDECK_CONFIG", "QUARTERDECK_FAULT", "QUARTERDECK_TEST_REQUIRE")


def startup_findings(loaded: Loaded) -> list[Finding]:
    """Return what can be said without opening anything."""
    return [
        *_settings(loaded),
        *_variables(loaded.environ),
        *_dotenv(loaded.environ),
        *_exposure(loaded),
        *_plain_http(loaded),
        *_folder(loaded.settings),
    ]


def refuse_missing_secrets(loaded: Loaded, resolver: Resolver, problems: Mapping[str, str]) -> None:
    """Keep the bot from starting without a secret that its settings name; `problems` are the vault's, by name.

    Raises:
        SetupError: the first one that is not there, or cannot be read.
    """
    for path, ref in secret_refs(loaded.settings):
        if ref.place == "secret" and not resolver.has(ref):
            problem = problems.get(ref.name, f"there is no secret {ref.name}")
            raise loaded.layers.error(
                f"{'.'.join(map(str, path))}: {problem}",
                path,
                hint=f"run `quarterdeck secret set {ref.name}`",
            )


def _settings(loaded: Loaded) -> Iterator[Finding]:
    source = (
        str(loaded.file) if loaded.file else "the shipped defaults; write quarterdeck.yaml to change them"
    )
    yield Finding(level="ok", area="settings", message=f"read from {source}")


def _variables(environ: Environment) -> Iterator[Finding]:
    for name in environ:
        if not name.startswith("QUARTERDECK_") or name.startswith("QUARTERDECK__") or name in KNOWN_VARIABLES:
            continue
        setting = name.replace("QUARTERDECK_", "QUARTERDECK__", 1)
        error = environ.error("means nothing", name, hint=did_you_mean(name, (*KNOWN_VARIABLES, setting)))
        yield Finding.of(error, area="settings", level="warning")


def _dotenv(environ: Environment) -> Iterator[Finding]:
    if environ.file is None or os.name != "posix":
        return
    mode = stat.S_IMODE(environ.file.stat().st_mode)
    if mode & 0o077:
        yield Finding(
            level="warning",
            area="secrets",
            message=f"{environ.file} may hold secrets and can be read by other users (mode {mode:04o})",
            fix=f"chmod {FILE_MODE:o} '{environ.file}'",
            file=str(environ.file),
        )


def _exposure(loaded: Loaded) -> Iterator[Finding]:
    http = loaded.settings.http
    is_encrypted = http.tls_certificate is not None and http.tls_key is not None
    is_loopback = ipaddress.ip_address(http.host).is_loopback
    if not is_loopback and not is_encrypted and not http.trusted_proxies:
        error = loaded.layers.error(
            f"http.host is {http.host}, which other machines can reach, and what people type could be read on the way",
            ("http", "host"),
            hint="set http.host: 127.0.0.1, or http.tls_certificate with http.tls_key, "
            "or name the proxy in front in http.trusted_proxies",
        )
        yield Finding.of(error, area="exposure", level="critical")
    if http.metrics_host and not ipaddress.ip_address(http.metrics_host).is_loopback:
        error = loaded.layers.error(
            f"health and metrics can be read on {http.metrics_host} without a login",
            ("http", "metrics_host"),
            hint="leave http.metrics_host out unless only your monitoring can reach it",
        )
        yield Finding.of(error, area="exposure", level="warning")
    if is_loopback and not http.metrics_host:
        yield Finding(level="ok", area="exposure", message=f"reachable from this machine only ({http.host})")


def _plain_http(loaded: Loaded) -> Iterator[Finding]:
    """Warn where a key would cross a network in the clear."""
    for name, provider in loaded.settings.providers.items():
        url = provider.base_url
        if provider.key is None or url is None or not url.startswith("http://") or _is_local(url):
            continue
        error = loaded.layers.error(
            f"providers.{name} would send its key to {url} without encryption",
            ("providers", name, "base_url"),
            hint="use https, or reach the server through a tunnel on this machine",
        )
        yield Finding.of(error, area="secrets", level="warning")


def _is_local(url: str) -> bool:
    host = url.removeprefix("http://").partition("/")[0]
    return host.startswith(("127.", "localhost", "[::1]"))


def _folder(settings: Settings) -> Iterator[Finding]:
    paths = settings.paths()
    if not paths.data_dir.exists():
        parent = _existing(paths.data_dir)
        if not os.access(parent, os.W_OK | os.X_OK):
            yield Finding(
                level="critical",
                area="paths",
                message=f"{paths.data_dir} does not exist and cannot be made in {parent}",
                fix="set data_dir to a folder that you may write to",
            )
            return
    found = paths.findings()
    yield from found
    if not found:
        yield Finding(level="ok", area="paths", message=f"everything is kept in {paths.data_dir}")


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
