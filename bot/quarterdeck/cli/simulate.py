"""`quarterdeck simulate`: play a conversation on simulated platforms and compare what people see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from quarterdeck.cli.invocation import Invocation, Verb
from quarterdeck.core.errors import SetupError, UsageError
from quarterdeck.core.ports import Json
from quarterdeck.core.text import did_you_mean

if TYPE_CHECKING:
    from quarterdeck.testing.simulator.player import Played
    from quarterdeck.testing.simulator.transcript import PlatformName, Transcript

ALL: Final = "all"


@click.command("simulate", cls=Verb)
@click.argument("transcript")
@click.option(
    "--platform",
    type=click.Choice(["slack", "discord", "telegram", ALL]),
    default=ALL,
    help="Play on this platform only.",
)
@click.option(
    "--record", is_flag=True, help="Print the transcript with what people see, instead of comparing."
)
@click.pass_obj
def verb(invocation: Invocation, transcript: str, platform: str, record: bool) -> int:
    """Play TRANSCRIPT, a file or the name of one of ours, against a bot of its own.

    Simulated Slack, Discord and Telegram listen on loopback; the bot that connects to them is the real one, with a
    new data folder and no account, key or network. Exit status 1 and a diff when people see something else than the
    transcript says, or when a platform had to refuse something.

    \b
    Example:
      quarterdeck simulate first-contact --platform slack
    """
    from quarterdeck.testing.simulator.transcript import load

    path = _path_of(transcript)
    loaded = load(path)
    names = _platforms(loaded, platform)
    if record and len(names) != 1:
        raise UsageError("--record needs one platform", hint="add --platform slack")
    played = _play(invocation, loaded, names, is_recording=record)
    for one in played:
        _show_difference(invocation, one)
    if record:
        _show_record(invocation, loaded, played[0])
        return 0 if played[0].has_passed else 1
    results: list[Json] = [_result(path, one) for one in played]
    invocation.show(results, "\n".join(map(_line, played)))
    return 0 if all(one.has_passed for one in played) else 1


def _path_of(name: str) -> Path:
    from quarterdeck.testing.simulator.transcript import shipped

    path, ours = Path(name), shipped()
    if path.is_file():
        return path
    if name in ours:
        return ours[name]
    known = did_you_mean(name, ours) or f"ours are {', '.join(ours)}"
    raise UsageError(f"there is no transcript {name!r}", hint=known)


def _platforms(transcript: Transcript, wanted: str) -> list[PlatformName]:
    names = [name for name in transcript.platforms if wanted in (ALL, name)]
    if not names:
        fits = ", ".join(transcript.platforms)
        raise UsageError(f"this transcript is not for {wanted}", hint=f"it is for {fits}")
    return names


def _play(
    invocation: Invocation, transcript: Transcript, names: list[PlatformName], *, is_recording: bool
) -> list[Played]:
    import tempfile

    from quarterdeck.cli.host import run
    from quarterdeck.testing.simulator.simulation import simulate

    with tempfile.TemporaryDirectory(prefix="quarterdeck-simulate-") as folder:
        work = simulate(
            transcript,
            names,
            Path(folder),
            config=invocation.config.absolute() if invocation.config else None,
            is_recording=is_recording,
        )
        try:
            return run(work)
        except TimeoutError as error:
            raise SetupError(
                f"the bot did not connect: {error}", hint="see what it logs: quarterdeck run --testing"
            ) from error


def _show_difference(invocation: Invocation, played: Played) -> None:
    lines = [played.difference] if played.difference else []
    lines += [f"{played.platform} refused {one}" for one in played.refused]
    if lines:
        click.echo(invocation.clean("\n".join([f"{played.platform}:", *lines])), err=True)


def _show_record(invocation: Invocation, transcript: Transcript, played: Played) -> None:
    from quarterdeck.testing.simulator.look import written

    document: dict[str, Json] = transcript.model_dump(
        mode="json", exclude={"steps"}, exclude_defaults=True, exclude_none=True
    )
    document["steps"] = played.steps
    invocation.show(document, written(document).rstrip("\n"))


def _result(path: Path, played: Played) -> dict[str, Json]:
    return {
        "transcript": path.name,
        "platform": played.platform,
        "passed": played.has_passed,
        "steps": len(played.steps),
        "difference": played.difference,
        "refused": list(played.refused),
    }


def _line(played: Played) -> str:
    word = "as expected" if played.has_passed else "different"
    return f"{played.platform:9} {word}, {len(played.steps)} steps"
