"""A drawing shows the way through a workflow, and nothing of the file's becomes Mermaid."""

from __future__ import annotations

import re
import textwrap

from quarterdeck_workflows.language.graph import mermaid
from quarterdeck_workflows.language.parse import read_text


def drawn(text: str) -> list[str]:
    """Return the lines of a drawing, without indentation."""
    return [line.strip() for line in mermaid(read_text(textwrap.dedent(text), name="x")).splitlines()]


def test_the_way_through_is_drawn() -> None:
    """A skipped step has a way round it, a denied approval an end."""
    lines = drawn("""
        triggers: [command]
        steps:
          - {id: a, when: inputs.x, approve: Go}
          - {id: b, stop: succeeded}
    """)

    assert [
        "flowchart TD",
        'n1(["/x"])',
        'n2{{"a if inputs.x: approve: Go"}}',
        "n1 --> n2",
        'n3(("cancelled"))',
        'n2 -- "denied" --> n3',
        'n4(("b: stop: succeeded"))',
        'n2 -- "approved" --> n4',
        'n1 -- "otherwise" --> n4',
    ] == lines


def test_blocks_branch_and_come_together() -> None:
    """Loops go back, branches join."""
    lines = drawn("""
        steps:
          - {id: p, parallel: [{id: a, wait: 1}, {id: b, wait: 2}]}
          - {id: l, for_each: [1], steps: [{id: c, wait: 3}]}
          - {id: q, choose: [{when: "true", steps: [{id: d, wait: 4}]}]}
        on_error: [{id: e, wait: 5}]
    """)
    arrows = [line for line in lines if "-->" in line]

    assert [
        "n1 --> n2",
        "n2 --> n3",
        "n2 --> n4",
        "n3 --> n5",
        "n4 --> n5",
        "n5 --> n6",
        'n6 -- "next" --> n5',
        'n5 -- "done" --> n7',
        'n7 -- "true" --> n8',
        "n8 --> n9",
        'n7 -- "otherwise" --> n9',
        "n10 --> n11",
    ] == arrows


def test_nothing_of_the_file_becomes_mermaid() -> None:
    """A title could close its quotes and click."""
    lines = drawn("""
        steps:
          - {wait: 1, title: "x\\"] --> y; click n1 call alert(1) %% <script>"}
    """)
    label = next(line for line in lines if line.startswith("n2"))

    assert re.fullmatch(r'n2\(\["[\w /.,:…#;-]*"\]\)', label)
    assert [] == [line for line in lines if "<" in line or "%%" in line or "click n1 call alert(" in line]
