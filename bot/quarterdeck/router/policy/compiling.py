"""Turn rules as they are written into rules as they are tried; what names nothing is refused with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from quarterdeck.core.access import AccessRequest, ApprovalRule, Decision
from quarterdeck.core.approval import ASKER, TOOL
from quarterdeck.core.errors import SetupError, UsageError
from quarterdeck.core.person import Identity
from quarterdeck.core.roles import NOBODY, Roles
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.router.policy.document import ACTIONS, ApprovalRow, RuleRow, ValueRow, WindowRow
from quarterdeck.router.policy.matching import (
    Matches,
    Window,
    conversation_glob,
    days_of,
    glob,
    is_given,
    over_all,
    prefix_test,
    range_test,
    span_of,
    value_test,
)
from quarterdeck.router.policy.rule import Condition, Rule, Test
from quarterdeck.runtime.documents.yaml import Located

PERSON_ID_LENGTH = 32
HOW_ACTION = f"write /deploy, or KIND:NAME with one of {', '.join(ACTIONS)}; * stands for any text"

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """Compile the rules of one file. `now` tells the time for rules that hold at times."""

    located: Located
    roles: Roles
    groups: frozenset[str]
    now: Callable[[], datetime]

    def rules(self, rows: Sequence[RuleRow], key: str) -> Iterator[Rule]:
        """Yield the rules of the list `key`.

        Raises:
            SetupError: a rule names a role, group, action or account that cannot be; with line and column.
        """
        seen: set[str] = set()
        for at, row in enumerate(rows):
            if row.name in seen:
                raise self.error(
                    f"two rules are called {row.name!r}", (key, at, "name"), "give each its own name"
                )
            seen.add(row.name)
            yield self._rule(row, (key, at))

    def _rule(self, row: RuleRow, path: Path_) -> Rule:
        line, _ = self.located.position(path)
        place = f"{Path(self.located.file).name}:{line}"
        conditions = tuple(self._conditions(row, path))
        approval = self._approval(row, row.approval, (*path, "approval")) if row.approval else None
        allows = row.allow is not None
        actions = [self._action(text, (*path, "allow" if allows else "deny")) for text in row.actions]
        label = f"{row.name} ({place})"
        return Rule(
            name=row.name,
            place=place,
            allows=allows,
            actions=tuple(map(glob, actions)),
            conditions=conditions,
            tests=tuple(one.test for one in conditions),
            decision=Decision(allowed=allows and approval is None, rule=label, needs_approval=approval),
            approval=approval,
            say=row.say or "",
        )

    def _conditions(self, row: RuleRow, path: Path_) -> Iterator[Condition]:
        """Yield what the rule asks for, the cheapest first."""
        if row.role is not None:
            yield self._role(row.role, (*path, "role"))
        if row.as_declared:
            yield Condition(
                asks="the role that it declares itself", test=lambda request, held: request.least_role in held
            )
        for what, words, of in _WORDS:
            if wanted := words(row):
                yield _one_of(what, wanted, of)
        if row.conversation is not None:
            yield _conversation(row.conversation)
        yield from self._people(row, path)
        for name, value in (row.arguments or {}).items():
            yield _argument(name, value, is_strict=row.allow is not None)
        if row.when is not None:
            yield self._when(row.when, (*path, "when"))

    def _people(self, row: RuleRow, path: Path_) -> Iterator[Condition]:
        if row.group is not None:
            yield self._group(row.group, (*path, "group"))
        if row.person is not None:
            yield self._person(row.person, (*path, "person"))

    def _role(self, names: Sequence[str], path: Path_) -> Condition:
        for name in names:
            if name != NOBODY:
                self.known_role(name, path)
        wanted = frozenset(names)
        test: Test = lambda request, held: not wanted.isdisjoint(held)  # noqa: E731
        if len(names) == 1:
            (only,) = names
            test = lambda request, held: only in held  # noqa: E731
        if NOBODY in wanted:
            test = lambda request, held: True  # noqa: E731
        return Condition(asks=f"the role {_either(names)}", test=test)

    def known_role(self, name: str, path: Path_) -> None:
        """Refuse a role that does not exist."""
        if not self.roles.of(name):
            known = self.roles.names()
            hint = did_you_mean(name, known) or f"known: {', '.join(known)}; own roles stand in access.roles"
            raise self.error(f"there is no role {name!r}", path, hint)

    def _known_group(self, name: str, path: Path_) -> None:
        if name not in self.groups:
            hint = did_you_mean(name, self.groups) or "declare it under `groups:` in this file"
            raise self.error(f"there is no group {name!r}", path, hint)

    def _group(self, names: Sequence[str], path: Path_) -> Condition:
        for name in names:
            self._known_group(name, path)
        wanted = frozenset(names)
        return Condition(
            asks=f"the group {_either(names)}",
            test=lambda request, held: not wanted.isdisjoint(request.person.groups),
        )

    def _person(self, names: Sequence[str], path: Path_) -> Condition:
        wanted = frozenset(self.account(name, path) for name in names)

        def test(request: AccessRequest, held: frozenset[str]) -> bool:
            person = request.person
            is_named = person.id in wanted or not wanted.isdisjoint(person.identities)
            return is_named or str(request.identity) in wanted

        return Condition(asks=f"the person {_either(names)}", test=test)

    def account(self, text: str, path: Path_) -> str:
        """Return a person's account or id as it is compared; names that people choose are refused."""
        if len(text) == PERSON_ID_LENGTH and set(text) <= set("0123456789abcdef"):
            return text
        try:
            return str(Identity.written(text))
        except UsageError as error:
            raise self.error(error.message, path, error.hint) from error

    def _approval(self, rule: RuleRow, row: ApprovalRow, path: Path_) -> ApprovalRule:
        for text in row.by:
            if text == ASKER:
                self._asker_may(rule, path)
                continue
            kind, _, name = text.partition(":")
            if kind == "role":
                self.known_role(name, (*path, "by"))
            elif kind == "group":
                self._known_group(name, (*path, "by"))
            else:
                raise self.error(
                    f"{text!r} says neither role nor group", (*path, "by"), "write role:admin or group:leads"
                )
        return ApprovalRule(by=row.by, quorum=row.quorum, within_s=row.within_s)

    def _asker_may(self, rule: RuleRow, path: Path_) -> None:
        """Let people agree to what a model wants in their name, and to nothing that they want themselves."""
        if len(rule.approval.by if rule.approval else ()) > 1 or not all(
            one.startswith(TOOL) for one in rule.actions
        ):
            raise self.error(
                "asker may agree to tools only, and alone", (*path, "by"), "write role:admin or group:leads"
            )

    def _when(self, rows: Sequence[WindowRow], path: Path_) -> Condition:
        windows = [self._window(row, path) for row in rows]
        now = self.now

        def test(request: AccessRequest, held: frozenset[str]) -> bool:
            moment = now()
            return any(window.holds(moment) for window in windows)

        return Condition(asks=f"the time {_either([window.text for window in windows])}", test=test)

    def _window(self, row: WindowRow, path: Path_) -> Window:
        days = days_of(row.days)
        if days is None:
            raise self.error(
                f"{', '.join(row.days)!r} are not days of the week",
                path,
                "write mon, tue, wed, thu, fri, sat, sun or mon-fri",
            )
        since, until = span_of(row.hours)
        text = f"{', '.join(row.days)} {row.hours} {row.zone}"
        return Window(days=days, since=since, until=until, zone=ZoneInfo(row.zone), text=text)

    def _action(self, text: str, path: Path_) -> str:
        if text.startswith("/") and len(text) > 1:
            return f"command:{text[1:].lower()}"
        kind, colon, name = text.partition(":")
        if text == "*" or (colon and name and kind in ACTIONS):
            return text
        hint = did_you_mean(kind, ACTIONS) if colon else ""
        raise self.error(f"{text!r} is no action", path, hint or HOW_ACTION)

    def error(self, message: str, path: Path_, hint: str) -> SetupError:
        """Make an error that points into the file."""
        return self.located.error(f"{_dotted(path)}: {message}", path, hint=hint)


def _one_of(what: str, words: Sequence[str], of: Callable[[AccessRequest], str]) -> Condition:
    wanted = frozenset(words)
    return Condition(asks=f"the {what} {_either(words)}", test=lambda request, held: of(request) in wanted)


def _platform(request: AccessRequest) -> str:
    return request.conversation.platform if request.conversation is not None else request.identity.platform


def _kind(request: AccessRequest) -> str:
    return request.conversation.kind if request.conversation is not None else ""


_WORDS: tuple[tuple[str, Callable[[RuleRow], Sequence[str] | None], Callable[[AccessRequest], str]], ...] = (
    ("way", lambda row: row.way, lambda request: request.way),
    ("effect", lambda row: row.effect, lambda request: request.effect),
    ("platform", lambda row: row.platform, _platform),
    ("kind of conversation", lambda row: row.kind, _kind),
)


def _conversation(patterns: Sequence[str]) -> Condition:
    tests = [conversation_glob(pattern) for pattern in patterns]

    def test(request: AccessRequest, held: frozenset[str]) -> bool:
        where = request.conversation
        return where is not None and any(fits(where.id) for fits in tests)

    return Condition(asks=f"the conversation {_either(patterns)}", test=test)


def _argument(name: str, row: ValueRow, *, is_strict: bool) -> Condition:
    """Return the test for one argument. While arguments are not known, what allows could fit, what denies does not."""
    tests = [over_all(test, is_strict=is_strict) for test in _value_tests(row, is_strict=is_strict)]
    wants_given = row.given

    def test(request: AccessRequest, held: frozenset[str]) -> bool:
        if request.arguments is None:
            return is_strict
        value = request.arguments.get(name)
        if wants_given is not None and is_given(value) is not wants_given:
            return False
        return all(fits(value) for fits in tests)

    return Condition(asks=f"{name} {_described(row)}", test=test)


def _value_tests(row: ValueRow, *, is_strict: bool) -> Iterator[Matches]:
    if row.one_of:
        equal = [value_test(wanted, is_strict=is_strict) for wanted in row.one_of]
        yield lambda value: any(fits(value) for fits in equal)
    if row.min is not None or row.max is not None:
        yield range_test(row.min, row.max)
    if row.prefix is not None:
        yield prefix_test(row.prefix, is_strict=is_strict)


def _described(row: ValueRow) -> str:
    words = [_either([str(one) for one in row.one_of])] if row.one_of else []
    words += [f"at least {row.min:g}"] if row.min is not None else []
    words += [f"at most {row.max:g}"] if row.max is not None else []
    words += [f"beginning with {row.prefix}"] if row.prefix is not None else []
    words += ["given" if row.given else "left out"] if row.given is not None else []
    return " and ".join(words)


def _either(words: Iterable[str]) -> str:
    return " or ".join(words)


def _dotted(path: Path_) -> str:
    return ".".join(str(part) for part in path)
