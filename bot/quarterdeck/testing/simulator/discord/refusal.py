"""Say no as Discord's API does: a status, a code, for bodies the place of each mistake.

Codes: docs "Opcodes and Status Codes"; nested form: docs "Reference", Error Messages (discord/discord-api-docs,
2026-11-21).
"""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """Refuse a request."""

    def __init__(self, status: int, code: int, message: str, errors: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message, self.errors = status, code, message, errors

    def body(self) -> dict[str, Any]:
        """Return the answer's body."""
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        return body | {"errors": self.errors} if self.errors else body

    def __str__(self) -> str:
        """Return it as in a list of refusals."""
        places = ", ".join(f"{path}: {code}" for path, code in flat(self.errors or {}))
        return f"{self.status} {self.code} {self.message}" + (f" ({places})" if places else "")


def flat(errors: dict[str, Any], path: str = "") -> list[tuple[str, str]]:
    """Return the mistakes with their places."""
    found = [(path or "body", error["code"]) for error in errors.get("_errors", ())]
    for name, inner in errors.items():
        if name != "_errors":
            found += flat(inner, f"{path}.{name}" if path else name)
    return found


class Form:
    """Collect the mistakes of a body; `check` refuses when there is one."""

    def __init__(self) -> None:
        self._errors: dict[str, Any] = {}

    def wrong(self, path: str, code: str, message: str) -> None:
        """Note a mistake at a path like `embeds.0.title`; the empty path is the body."""
        place = self._errors
        for name in path.split(".") if path else ():
            place = place.setdefault(name, {})
        place.setdefault("_errors", []).append({"code": code, "message": message})

    def text(self, path: str, value: object, longest: int, *, shortest: int = 0, needed: bool = False) -> str:
        """Return a text within its limits, in characters; notes it when it is none."""
        if value is None:
            if needed:
                self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required")
            return ""
        if not isinstance(value, str):
            self.wrong(path, "STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
            return ""
        if len(value) > longest:
            self.wrong(path, "BASE_TYPE_MAX_LENGTH", f"Must be {longest} or fewer in length.")
        if len(value) < shortest:
            code = "BASE_TYPE_BAD_LENGTH" if value else "BASE_TYPE_REQUIRED"
            self.wrong(path, code, f"Must be between {shortest} and {longest} in length.")
        return value

    def items(self, path: str, value: object, most: int, *, least: int = 0) -> list[Any]:
        """Return a list within its limits; notes it when it is none."""
        if value is None:
            value = []
        if not isinstance(value, list):
            self.wrong(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return []
        if not least <= len(value) <= most:
            code = "BASE_TYPE_BAD_LENGTH" if least else "BASE_TYPE_MAX_LENGTH"
            words = f"between {least} and {most} in length" if least else f"{most} or fewer in length"
            self.wrong(path, code, f"Must be {words}.")
        return value

    def choice(self, path: str, value: object, allowed: tuple[Any, ...]) -> None:
        """Note a value that is none of `allowed`."""
        if value not in allowed or isinstance(value, bool):
            said = ", ".join(map(str, allowed))
            self.wrong(path, "BASE_TYPE_CHOICES", f"Value must be one of {{{said}}}.")

    def check(self) -> None:
        """Pass when nothing was noted.

        Raises:
            Refused: with all that was.
        """
        if self._errors:
            raise Refused(400, 50035, "Invalid Form Body", self._errors)


def invalid(path: str, code: str, message: str) -> Refused:
    """Return the refusal of a body with one mistake."""
    form = Form()
    form.wrong(path, code, message)
    return Refused(400, 50035, "Invalid Form Body", form._errors)


def unauthorized() -> Refused:
    """Return the refusal of a wrong token."""
    return Refused(401, 0, "401: Unauthorized")


def not_found() -> Refused:
    """Return the refusal of a path that is none."""
    return Refused(404, 0, "404: Not Found")


def unknown(code: int, what: str) -> Refused:
    """Return the refusal of something that is not there."""
    return Refused(404, code, f"Unknown {what}")
