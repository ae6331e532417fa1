"""Describe what the bot answers, before any platform's markup."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import field
from typing import Literal

from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass

Status = Literal["answered", "not_found", "denied", "error", "pending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """Offer one press. `id` is unique in its card, `value` travels back in the `Pressed` event."""

    id: str
    label: str
    value: str = ""
    danger: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Show one labelled value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Ask for one value; `kind` is the option kind it accepts (see `core.command`).

    `problem` says what is wrong with `value`, where the form is shown again because it does not fit.
    """

    id: str
    label: str
    kind: str = "string"
    required: bool = True
    choices: tuple[str, ...] = ()
    hint: str = ""
    value: str = ""  # what stands there at first
    max_length: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Lay out an answer with parts. `body` is CommonMark; a platform without cards shows all of it as text.

    With `inputs` it is a form: `form_id` comes back in the `Submitted` event. Where a form can only be opened in
    answer to a press or a command, an adapter opens it then, and posts a button that opens it otherwise.
    """

    title: str = ""
    body: str = ""
    fields: tuple[Field, ...] = ()
    buttons: tuple[Button, ...] = ()
    inputs: tuple[Input, ...] = ()
    form_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Name the place that a claim comes from; `n` is its number in the text, from 1.

    `chunk` is the passage's id, by which it can be shown whole; `note` says more of the place: page, lines, age.
    """

    n: int
    document: str
    heading: str = ""
    url: str = ""
    chunk: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Name a file of ours to be sent; `path` is absolute and inside the data folder."""

    name: str
    path: str
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Hold one answer. `text` is CommonMark, or with `is_literal` shown character for character.

    `stream`, where given, yields pieces of text while the answer is being written; a `Reply` as its last item
    is the final form and replaces all pieces. `private_to` names the only account that may see the answer,
    where the platform can do that. `link_hosts` is for what a model wrote: links to these hosts, to those that the
    settings name and to those of the citations stay links, all others are only shown. None: these are our own words.
    """

    text: str = ""
    card: Card | None = None
    files: tuple[File, ...] = ()
    citations: tuple[Citation, ...] = ()
    status: Status = "answered"
    private_to: Identity | None = None
    stream: AsyncIterator[str | Reply] | None = field(default=None, compare=False)
    run_id: str | None = None
    is_literal: bool = False
    link_hosts: frozenset[str] | None = None
