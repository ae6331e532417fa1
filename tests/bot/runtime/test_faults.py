"""Prove that fault points break exactly what a test armed, and nothing in real life."""

import os
import signal
import subprocess
import sys

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime import faults


@pytest.fixture(autouse=True)
def disarmed():
    yield
    faults.arm("", testing=True)


def test_nothing_happens_at_a_point_that_is_not_armed() -> None:
    """Every durable write passes two points; they must cost nothing."""
    faults.arm("audit.recorded:1:raise", testing=True)

    faults.reach("facts.changed")


def test_the_armed_passage_raises_and_the_others_do_not() -> None:
    """The count says which of many writes is to fail."""
    faults.arm("audit.recorded:3:raise", testing=True)
    raised = []
    for _ in range(5):
        try:
            faults.reach("audit.recorded")
            raised.append(False)
        except faults.InjectedFault:
            raised.append(True)

    assert [False, False, True, False, False] == raised


def test_a_fault_is_refused_outside_of_tests() -> None:
    """A stray variable must never kill a bot that serves people."""
    with pytest.raises(SetupError) as refused:
        faults.arm("audit.recorded:1:kill", testing=False)

    assert "unset QUARTERDECK_FAULT, or start with --testing" == refused.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "audit.recorded",
        "audit.recorded:0:kill",
        "audit.recorded:x:kill",
        "audit.recorded:1:explode",
        "nope:1:kill",
    ],
)
def test_a_fault_of_another_form_is_refused(text: str) -> None:
    """A fault that is not armed would let a test pass that tests nothing."""
    with pytest.raises(SetupError):
        faults.arm(text, testing=True)


def test_a_misspelt_point_is_answered_with_the_right_one() -> None:
    """Names are typed by hand in tests."""
    with pytest.raises(SetupError) as refused:
        faults.arm("audit.recordet:1:kill", testing=True)

    assert "did you mean 'audit.recorded'?" == refused.value.hint


def test_points_are_sorted_and_unique() -> None:
    """`check --fault-points` prints them as they stand."""
    assert tuple(sorted(set(faults.POINTS))) == faults.POINTS


def test_kill_ends_the_process_as_kill_9_does() -> None:
    """No handler, no flush, no goodbye: what survives is on disk."""
    program = (
        "from quarterdeck.runtime import faults\n"
        "faults.arm('audit.recorded.before:2:kill', testing=True)\n"
        "for n in range(9):\n"
        "    print(n, flush=True)\n"
        "    faults.reach('audit.recorded.before')\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=dict(os.environ)
    )

    assert (-signal.SIGKILL, "0\n1\n") == (child.returncode, child.stdout)
