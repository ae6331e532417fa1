"""Bring the files that a run is started with into its folder, before the run is on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.ports import Json
from quarterdeck.core.run import Starter
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.actions.kit.folder import RunFolder
from quarterdeck_workflows.engine.ports import Bot
from quarterdeck_workflows.language.spec import Workflow

MOST_BYTES: Final = 64 * 1024 * 1024
LONGEST: Final = 120


async def bring(
    bot: Bot, workflow: Workflow, inputs: Mapping[str, Json], starter: Starter, folder: Path
) -> Mapping[str, Json]:
    """Return the inputs, those of the kind file as names in the run's folder, where the files are from now on.

    Raises:
        UsageError: a file is too large, or is none.
        NotFound: there is no such file.
        ServiceError: the platform did not give it.
    """
    named = {one.name for one in workflow.inputs if one.kind == "file"}
    wanted = {name: value for name, value in inputs.items() if name in named and isinstance(value, str)}
    taken: dict[str, Json] = {}
    for name, given in wanted.items():
        kept = _kept(Path(given).name if starter.is_local else given)
        if kept in taken.values():
            kept = f"{name}-{kept}"
        taken[name] = kept
        if not await in_thread((folder / kept).is_file):  # the same start once more has brought it already
            content = await _content(bot, name, given, starter)
            await in_thread(RunFolder(folder, bot.folder_bytes).write, kept, content)
    return {**inputs, **taken}


async def _content(bot: Bot, name: str, given: str, starter: Starter) -> bytes:
    if starter.files is not None and not starter.is_local:
        return await in_thread(RunFolder(starter.files).read, given, MOST_BYTES)
    if starter.files is not None:
        return await in_thread(_read, name, starter.files, given)
    found = next((one for one in starter.attachments if one.name == given), None)
    if found is None or bot.attached is None:
        raise UsageError(f"{name} needs a file", hint="send it in the same message")
    content = (await bot.attached.fetch(found, starter.conversation, limit_bytes=MOST_BYTES)).content
    return content if isinstance(content, bytes) else await in_thread(content.read_bytes)


def _read(name: str, here: Path, given: str) -> bytes:
    path = here / Path(given).expanduser()
    try:
        if not path.is_file():
            what = f"{name}: {path} is no file" if path.exists() else f"{name}: there is no file {path}"
            raise NotFound(what, hint="give the path of a file, from where you stand or as a whole")
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(
                f"{name}: {path} is larger than {MOST_BYTES // 1024**2} MiB", hint="give a smaller file"
            )
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{name}: {path} cannot be read: {error.strerror}",
            hint="the file must be readable for the user that runs quarterdeck",
        ) from error


def _kept(name: str) -> str:
    """Return a name that every folder takes, as near to the given one as can be."""
    plain = "".join(sign if sign.isprintable() and sign not in "/\\:" else "-" for sign in name).lstrip(". ")
    stem, dot, suffix = plain.rpartition(".")
    short = f"{stem[: LONGEST - len(suffix)]}{dot}{suffix}" if stem and len(suffix) < 16 else plain[:LONGEST]
    while len(short.encode(errors="replace")) > LONGEST:
        short = short[1:]
    return short.encode(errors="replace").decode() or "file"
