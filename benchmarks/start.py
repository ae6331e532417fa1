"""How long from the start of the process to the first answered command, and what the bot holds at rest.

  version   `quarterdeck version`: start to exit
  console   `printf '/ping' | quarterdeck console --json`: start to the answer's line, and to exit
  run       `quarterdeck run`: start to the first answer over the control socket; then memory and processor at rest
  python    a baseline: the bare interpreter, start to exit
  aiohttp   a baseline: the smallest aiohttp server, start to the first answer over HTTP; memory at rest

Every start is a process of its own with an empty home and data folder, no settings and no keys. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import Figures, arguments, in_turn, report, resident_mib

PATIENCE_S = 30.0
PAUSE_S = 0.002

SMALLEST_SERVER = """
import sys
from aiohttp import web

async def answer(request):
    return web.Response(text="Pong.")

app = web.Application()
app.router.add_get("/", answer)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
"""


@contextmanager
def empty_machine() -> Iterator[dict[str, str]]:
    """Yield an environment with an empty home and data folder and nothing that configures the bot."""
    with tempfile.TemporaryDirectory() as home:
        kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "TMPDIR")
        yield {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "HOME": home,
            "XDG_DATA_HOME": f"{home}/data",
            "XDG_CONFIG_HOME": f"{home}/config",
            "XDG_STATE_HOME": f"{home}/state",
            "XDG_CACHE_HOME": f"{home}/cache",
            "QUARTERDECK__DATA_DIR": f"{home}/quarterdeck",
            "QUARTERDECK__HTTP__PORT": "0",
            "QUARTERDECK__LOG__LEVEL": "warning",
        }


def quarterdeck(*words: str) -> list[str]:
    """Return the command line of a verb."""
    return [sys.executable, "-m", "quarterdeck", *words]


def whole_run(command: list[str]) -> Figures:
    """Measure a program from start to exit, wall clock and processor."""
    with empty_machine() as environment:
        before_s = children_cpu_s()
        started_s = time.perf_counter()
        subprocess.run(
            command, env=environment, cwd=environment["HOME"], check=True, stdout=subprocess.DEVNULL
        )
        return {"exit_s": time.perf_counter() - started_s, "cpu_s": children_cpu_s() - before_s}


def console() -> Figures:
    """Measure the first answered command of a console that serves nobody else."""
    with empty_machine() as environment:
        before_s = children_cpu_s()
        started_s = time.perf_counter()
        with subprocess.Popen(
            quarterdeck("console", "--json"),
            env=environment,
            cwd=environment["HOME"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"/ping\n")
            process.stdin.close()
            expect_pong(json.loads(process.stdout.readline())["text"])
            first_answer_s = time.perf_counter() - started_s
            process.stdout.read()
        return {
            "first_answer_s": first_answer_s,
            "exit_s": time.perf_counter() - started_s,
            "cpu_s": children_cpu_s() - before_s,
        }


def serving(rest_s: float) -> Figures:
    """Measure `run`: its first answer, and what the process and its children hold `rest_s` after the start."""
    with empty_machine() as environment:
        started_s = time.perf_counter()
        process = subprocess.Popen(quarterdeck("run"), env=environment, cwd=environment["HOME"])
        try:
            with connected(Path(environment["QUARTERDECK__DATA_DIR"]) / "control.sock", process) as lines:
                ask_until_answered(lines)
                first_answer_s = time.perf_counter() - started_s
            ready_cpu_s = cpu_s(process.pid)
            time.sleep(max(0.0, rest_s - (time.perf_counter() - started_s)))
            return {
                "first_answer_s": first_answer_s,
                "cpu_to_answer_s": ready_cpu_s,
                "rss_mib": resident_mib(process.pid),
                "rss_children_mib": sum(map(resident_mib, descendants(process.pid))),
                "cpu_at_rest_s": cpu_s(process.pid) - ready_cpu_s,
            }
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)


def smallest_server(rest_s: float) -> Figures:
    """Measure the least that answers over HTTP with our own library."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with empty_machine() as environment:
        started_s = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", SMALLEST_SERVER, str(port)], env=environment)
        try:
            while not answers(port):
                wait_a_moment(process, started_s)
            first_answer_s = time.perf_counter() - started_s
            ready_cpu_s = cpu_s(process.pid)
            time.sleep(rest_s)
            return {
                "first_answer_s": first_answer_s,
                "cpu_to_answer_s": ready_cpu_s,
                "rss_mib": resident_mib(process.pid),
            }
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def answers(port: int) -> bool:
    """Tell whether the server on `port` says Pong."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b"Pong." in connection.makefile("rb").read()
    except ConnectionError:
        return False


class Lines:
    """Speak JSON lines over the control socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._reader = connection, connection.makefile("rb")
        self._number = 0

    def say(self, **request: object) -> int:
        """Send a request; returns its number."""
        self._number += 1
        self._connection.sendall(json.dumps({"id": self._number, **request}).encode() + b"\n")
        return self._number

    def hear(self) -> dict[str, object]:
        """Return the next line."""
        answer: dict[str, object] = json.loads(self._reader.readline())
        return answer


@contextmanager
def connected(path: Path, process: subprocess.Popen[bytes]) -> Iterator[Lines]:
    """Connect to the control socket as soon as it is there."""
    started_s = time.perf_counter()
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            break
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            wait_a_moment(process, started_s)
    connection.settimeout(PATIENCE_S)
    with connection:
        yield Lines(connection)


def ask_until_answered(lines: Lines) -> None:
    """Attach to the console and send /ping until it is taken; return with the answer."""
    lines.say(stream="console.attach", parameters={})
    number = lines.say(call="console.post", parameters={"text": "/ping"})
    while True:
        answer = lines.hear()
        item = answer.get("item")
        if isinstance(item, dict) and item.get("kind") == "post":
            expect_pong(item["body"]["text"])
            return
        if answer.get("id") == number and "error" in answer:  # not ready yet: it says so
            time.sleep(PAUSE_S)
            number = lines.say(call="console.post", parameters={"text": "/ping"})


def expect_pong(text: str) -> None:
    """Stop when the answer is another one: a fast error is no answer."""
    if text != "Pong.":
        sys.exit(f"/ping was answered by {text!r}")


def wait_a_moment(process: subprocess.Popen[bytes], started_s: float) -> None:
    """Give the program time; stop when it ended or takes for ever."""
    if process.poll() is not None or time.perf_counter() - started_s > PATIENCE_S:
        sys.exit(f"the program did not come up (exit status {process.poll()})")
    time.sleep(PAUSE_S)


def children_cpu_s() -> float:
    """Return the processor seconds of all children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def cpu_s(pid: int) -> float:
    """Return the processor seconds of a living process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *descendants(child)]
    return found


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments(__doc__.splitlines()[0], rounds=5)
    parser.add_argument(
        "--rest-s", type=float, default=10.0, help="seconds after the start at which the bot is at rest (10)"
    )
    return parser.parse_args()


def main() -> None:
    """Measure and report."""
    chosen = options()
    found = in_turn(
        {
            "python": lambda: whole_run([sys.executable, "-I", "-c", "pass"]),
            "aiohttp": lambda: smallest_server(min(1.0, chosen.rest_s)),
            "version": lambda: whole_run(quarterdeck("version")),
            "console": console,
            "run": lambda: serving(chosen.rest_s),
        },
        chosen.rounds,
        is_quiet=chosen.only_json,
    )
    report(
        "Start",
        found,
        baselines=["python", "aiohttp"],
        settings=vars(chosen),
        is_only_json=chosen.only_json,
    )


if __name__ == "__main__":
    main()
