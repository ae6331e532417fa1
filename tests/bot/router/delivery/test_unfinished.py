"""Whatever point a text is cut at, the view of it is whole: nothing is left open, and nothing half is shown."""

from __future__ import annotations

import pytest

from quarterdeck.router.delivery.unfinished import closed
from quarterdeck.runtime.markdown import Table, parse, plain

DOCUMENT = """# How to *rotate* it

First, **stop the `api` service** and read [the runbook](https://wiki.example/run_book) twice. ~~Never~~ do it ***at
night***, or with a snake_case_name, 2 * 3 * 4 and `a ** b`.

```python
def rotate(key: str) -> None:  # **not bold**
    print(f"[{key}](x)")
```

| host | state |
| ---- | ----- |
| a1   | **up** |
| b2   | down |

1. _One_ and ![a picture](https://wiki.example/x.png)
2. two __bold__ [link with *stress*](https://wiki.example/) end

~~~~
```
still code
~~~~
> quoted **words**
"""


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("plain words", "plain words"),
        ("**bold", "**bold**"),
        ("**bold *and", "**bold *and***"),
        ("**bold** *it", "**bold** *it*"),
        ("`code", "`code`"),
        ("``a ` b", "``a ` b``"),
        ("~~gone", "~~gone~~"),
        ("2 * 3", "2 * 3"),
        ("snake_case", "snake_case"),
        ("see [the", "see"),
        ("see [the page](https://ex", "see"),
        ("see [the page](https://example.com) ", "see [the page](https://example.com)"),
        ("a [1] b", "a [1] b"),
        ("```py\nx = 1", "```py\nx = 1\n```"),
        ("~~~\n```\nx", "~~~\n```\nx\n~~~"),
        ("```\nx\n```\nafter **b", "```\nx\n```\nafter **b**"),
        ("| a | b |", ""),
        ("| a | b |\n| - | - |\n| 1", "| a | b |\n| - | - |"),
        ("one **a\n\ntwo", "one **a\n\ntwo"),
        ("**", ""),
        ("- item\n-", "- item"),
    ],
)
def test_what_is_open_is_closed(text: str, whole: str) -> None:
    """Each kind of markup that a model begins."""
    assert whole == closed(text).strip()


def test_every_beginning_of_a_text_is_whole() -> None:
    """No mark that the finished text does not show is ever seen, at any of its characters."""
    finished = plain(parse(DOCUMENT))
    stray = []
    for end in range(len(DOCUMENT)):
        view = parse(closed(DOCUMENT[:end]))
        text = plain(tuple(block for block in view if not isinstance(block, Table)))
        stray += [
            (end, mark) for mark in ("**", "~~", "](", "__", "```") if text.count(mark) > finished.count(mark)
        ]

    assert [] == stray


def test_long_texts_cost_little() -> None:
    """It is done again for every view of an answer."""
    text = "word **bold** [link](https://wiki.example) `code` " * 5_000

    assert text.strip() == closed(text).strip()
