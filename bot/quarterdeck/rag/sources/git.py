"""Gather the files of a git repository, straight from its objects: no checkout, no hook, no filter, no submodule.

`git` is a child with an environment of its own, limits and a deadline. What is fetched goes to a host whose addresses
were checked and are pinned; a repository on this machine is read where it lies.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote

from quarterdeck.core.errors import NotFound, Unavailable, UsageError
from quarterdeck.core.sourcing import KnowledgeSource
from quarterdeck.core.web import Web
from quarterdeck.rag.ingesting.gathering import Round
from quarterdeck.rag.reading.sources import (
    SIZE_LIMIT_BYTES,
    VENDORED,
    Item,
    Same,
    Source,
    Unreadable,
    format_of,
)
from quarterdeck.runtime.process.tasks import in_thread

FETCH_TIMEOUT_S: Final = 600.0
READ_TIMEOUT_S: Final = 60.0
LIST_BYTES: Final = 64 * 1024 * 1024  # of the list of files
ERROR_BYTES: Final = 4000
PACK_KIB: Final = 2 * 1024 * 1024  # the largest file that a fetch may write: 2 GiB
CPU_S: Final = 600
LIMITED: Final = f'ulimit -f {PACK_KIB} -t {CPU_S}; exec git "$@"'

_REF: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")
_ENTRY: Final = re.compile(rb"(\d{6}) (\w+) ([0-9a-f]{40,64}) +(-|\d+)\t([^\0]+)\0")
_FILE_MODES: Final = frozenset({b"100644", b"100755"})


class Git:
    """Fetch repositories into `folder`, one each, and read their files."""

    keeps_absent = False

    def __init__(self, folder: Path, web: Web) -> None:
        self._folder, self._web = folder, web

    async def items(self, round_: Round) -> AsyncIterator[Item]:
        """Yield the files of the branch; those whose content is known are not touched."""
        source = round_.source
        branch = _option(source, "branch")
        place, ref = await self._at_hand(source, branch)
        commit = (
            (await self._run(place, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")).decode().strip()
        )
        if not commit:
            raise UsageError(f"{source.location} has no branch {branch or 'at all'}")
        listing = await self._run(place, "ls-tree", "-r", "-l", "-z", "--full-tree", commit)
        entries = [one for one in _ENTRY.findall(listing) if _is_wanted(one, _option(source, "below"))]
        round_.total = len(entries)
        date = await self._run(place, "show", "-s", "--format=%ct", commit)
        for _, _, blob, size, raw in entries:
            name = raw.decode("utf-8", "replace")
            yield await self._item(
                round_, place, name, blob.decode(), int(size), commit, int(date or b"0") * 1000
            )
        round_.cursor["commit"] = commit

    async def _item(
        self, round_: Round, place: Path, name: str, blob: str, size: int, commit: str, at_ms: int
    ) -> Item:
        source = round_.source
        path = f"{source.location.rstrip('/')}#{name}"
        before = round_.known.get(path)
        kind = format_of(Path(name))
        assert kind is not None  # the others are not wanted
        if before is not None and before.version == blob and before.state == "indexed":
            if before.cut == round_.desk.cut:
                return Same(path=path)
        elif size > SIZE_LIMIT_BYTES:
            reason = f"it is larger than {SIZE_LIMIT_BYTES // 1024 // 1024} MiB"
            return Unreadable(path=path, name=name, root=source.root, reason=reason)
        staged = round_.staging / f"{blob}{PurePosixPath(name).suffix}"
        content = await self._run(place, "cat-file", "blob", blob, limit_bytes=SIZE_LIMIT_BYTES + 1)
        await in_thread(staged.write_bytes, content)
        return Source(
            path=path,
            name=name,
            root=source.root,
            format=kind,
            size_bytes=size,
            file=str(staged),
            url=_page(source.location, commit, name),
            modified_at_ms=at_ms if before is None or before.version != blob else before.modified_at_ms,
            version=blob,
        )

    async def _at_hand(self, source: KnowledgeSource, branch: str) -> tuple[Path, str]:
        """Return the folder of the repository on this machine, and what to read there."""
        if branch and (not _REF.fullmatch(branch) or ".." in branch):
            raise UsageError(f"{branch!r} is not the name of a branch")
        if "://" not in source.location:
            place = Path(source.location)
            if not await in_thread(lambda: (place / ".git").exists() or (place / "HEAD").is_file()):
                raise UsageError(f"{source.location!r} is no git repository")
            return place, branch or "HEAD"
        reached = await self._web.reach(source.location, credential=_option(source, "credential"))
        place = self._folder / source.id
        if not await in_thread((place / "HEAD").is_file):
            await in_thread(place.mkdir, 0o700, True, True)
            await self._run(place, "init", "--bare", "--quiet", ".")
        pinned = ",".join(f"[{one}]" if ":" in one else one for one in reached.addresses)
        settings = [
            ("http.curloptResolve", f"{reached.host}:{reached.port}:{pinned}"),
            ("http.followRedirects", "false"),
            *((("http.extraHeader", reached.header),) if reached.header else ()),
        ]
        fetch = (
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--force",
            source.location,
        )
        await self._run(
            place,
            *fetch,
            f"+{branch or 'HEAD'}:refs/quarterdeck",
            settings=settings,
            timeout_s=FETCH_TIMEOUT_S,
        )
        return place, "refs/quarterdeck"

    async def _run(
        self,
        place: Path,
        *words: str,
        settings: Sequence[tuple[str, str]] = (),
        limit_bytes: int = LIST_BYTES,
        timeout_s: float = READ_TIMEOUT_S,
    ) -> bytes:
        """Return what `git` printed.

        Raises:
            UsageError: there is no git here.
            Unavailable: it failed, hangs, or says too much.
        """
        if shutil.which("git") is None:
            raise NotFound("git is not installed", hint="install git, or add the folder itself")
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", LIMITED, "git", *words),
            cwd=place,
            env=_environment(settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with asyncio.timeout(timeout_s):
                said, error = await asyncio.gather(
                    _some(process.stdout, limit_bytes), _some(process.stderr, 1 << 20)
                )
                status = await process.wait()
        except TimeoutError:
            raise Unavailable(f"git {words[0]} took more than {timeout_s:g} s", service="git") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, 9)
                await process.wait()
        if status != 0 and words[0] != "rev-parse":
            why = error[-ERROR_BYTES:].decode(errors="replace").strip().splitlines()
            raise Unavailable(f"git {words[0]} failed: {why[-1] if why else status}", service="git")
        return said

    def is_gone(self, source: KnowledgeSource) -> bool:
        """Never forget because a repository is out of reach."""
        return False

    def forget(self, source: KnowledgeSource) -> None:
        """Delete what was fetched."""
        shutil.rmtree(self._folder / source.id, ignore_errors=True)


async def _some(stream: asyncio.StreamReader, limit_bytes: int) -> bytes:
    """Return what a stream holds.

    Raises:
        Unavailable: it holds more than `limit_bytes`.
    """
    out = bytearray()
    while piece := await stream.read(1 << 16):
        out += piece
        if len(out) > limit_bytes:
            raise Unavailable("git says more than fits", service="git")
    return bytes(out)


def _environment(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return all that git is to know: no file of settings, no helper, no question, two ways to fetch."""
    fixed = (
        ("safe.directory", "*"),  # it is only read, and nothing in it is run
        ("core.hooksPath", "/dev/null"),
        ("core.fsmonitor", "false"),
        ("credential.helper", ""),
        ("protocol.allow", "never"),
        ("protocol.https.allow", "always"),
        ("protocol.http.allow", "always"),  # refused before, unless egress.allow_http lets it
        ("fetch.fsckObjects", "true"),
        ("gc.auto", "0"),
    )
    known = [*fixed, *settings]
    counted = {
        f"GIT_CONFIG_{word}_{n}": text
        for n, pair in enumerate(known)
        for word, text in zip(("KEY", "VALUE"), pair, strict=True)
    }
    return {
        "PATH": os.defpath,
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_CONFIG_COUNT": str(len(known)),
        **counted,
    }


def _is_wanted(entry: tuple[bytes, ...], below: str) -> bool:
    mode, kind, _, _, raw = entry
    name = raw.decode("utf-8", "replace")
    parts = PurePosixPath(name).parts
    is_hidden = any(part.startswith(".") or part in VENDORED for part in parts)
    is_below = not below or name == below or name.startswith(f"{below.strip('/')}/")
    is_file = mode in _FILE_MODES and kind == b"blob"
    return is_file and is_below and not is_hidden and format_of(Path(name)) is not None


def _page(location: str, commit: str, name: str) -> str:
    """Return where people see a file: on the forges whose addresses are known, empty elsewhere."""
    base = location.removesuffix("/").removesuffix(".git")
    if "://" not in location:
        return (Path(location) / name).as_uri() if Path(location, name).is_file() else ""
    middle = "/-/blob/" if "gitlab" in base else "/src/commit/" if "codeberg" in base else "/blob/"
    return f"{base}{middle}{commit}/{quote(name)}"


def _option(source: KnowledgeSource, name: str) -> str:
    value = source.options.get(name, "")
    return value if isinstance(value, str) else ""
