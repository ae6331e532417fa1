"""Measure variants in turn and show them against a baseline of the same run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Figures = Mapping[str, float]
"""What one round of one variant measured, by name with its unit: `ready_s`, `rss_mib`."""

ROOT = Path(__file__).resolve().parent.parent


def arguments(summary: str, *, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument(
        "--rounds", type=int, default=rounds, help=f"rounds of all variants (default {rounds})"
    )
    parser.add_argument("--only-json", action="store_true", help="print the JSON line and nothing else")
    return parser


def in_turn(
    variants: Mapping[str, Callable[[], Figures]], rounds: int, *, is_quiet: bool = False
) -> dict[str, dict[str, list[float]]]:
    """Run every variant once a round (A B C, A B C, …), so that a busy minute hits all of them alike.

    A first round warms caches and is thrown away.
    """
    found: dict[str, dict[str, list[float]]] = {name: {} for name in variants}
    for number in range(rounds + 1):
        for name, measure in variants.items():
            if not is_quiet:
                print(f"\rround {number} of {rounds}: {name:<40}", end="", file=sys.stderr, flush=True)
            figures = measure()
            if number:
                for figure, value in figures.items():
                    found[name].setdefault(figure, []).append(value)
    if not is_quiet:
        print(f"\r{'':<60}\r", end="", file=sys.stderr, flush=True)
    return found


def in_a_process(script: str, variant: str, **numbers: int) -> Figures:
    """Run `script --child VARIANT --NAME NUMBER …` and return the figures of its last line, which is JSON.

    `script` is a file, or the name of a module. A process of its own inherits nobody's memory or threads.
    """
    named = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    program = [script] if script.endswith(".py") else ["-m", script]
    command = [sys.executable, *program, "--child", variant, *named]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{variant} failed:\n{done.stderr[-3000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def ratios(
    found: Mapping[str, Mapping[str, Sequence[float]]], baselines: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return the median over rounds of each variant's figures divided by those of each baseline in that round."""
    answer: dict[str, dict[str, float]] = {}
    for name, figures in found.items():
        for baseline in baselines:
            common = [figure for figure in figures if any(found[baseline].get(figure, ()))]
            if name == baseline or not common:
                continue
            answer[f"{name} / {baseline}"] = {
                figure: round(
                    statistics.median(
                        ours / theirs
                        for ours, theirs in zip(figures[figure], found[baseline][figure], strict=True)
                        if theirs
                    ),
                    3,
                )
                for figure in common
            }
    return answer


def report(
    title: str,
    found: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    baselines: Sequence[str],
    settings: Mapping[str, object],
    is_only_json: bool,
) -> None:
    """Print medians with their range, the ratios, and one line of JSON with everything."""
    shown = ratios(found, baselines)
    if not is_only_json:
        print(f"{title}\n{machine()}\n")
        for name, figures in found.items():
            print(f"{name}{'  (baseline)' if name in baselines else ''}")
            for figure, values in figures.items():
                low, middle, high = min(values), statistics.median(values), max(values)
                print(f"  {figure:<24} {middle:>12,.3f}   ({low:,.3f} to {high:,.3f})")
        print("\nratios (median of the rounds)")
        for pair, figures in shown.items():
            print(f"  {pair:<48} " + "  ".join(f"{figure} {ratio:g}×" for figure, ratio in figures.items()))
        print()
    whole = {"title": title, "machine": machine(), "settings": settings, "rounds": found, "ratios": shown}
    print(json.dumps(whole))


def machine() -> str:
    """Say where this ran: figures of two machines cannot be compared, ratios can."""
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()},"
        f" commit {commit()}"
    )


def commit() -> str:
    """Return the short name of the commit that was measured; `+` for changes on top of it."""
    try:
        name = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()
        changes = subprocess.check_output(["git", "status", "--porcelain", "bot"], cwd=ROOT, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("+" if changes else "")


def resident_mib(pid: int) -> float:
    """Return the memory that process `pid` holds now, from /proc: Linux only."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
