"""Read which days are meant, as the three fields of a cron line: day of month, month, weekday."""

from __future__ import annotations

import re

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY = {name[:length]: n for n, name in enumerate(DAYS, start=1) for length in range(3, len(name) + 1)}
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
MONTH = {name[:length]: n for n, name in enumerate(MONTHS, start=1) for length in range(3, len(name) + 1)}
ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
ORDINALS |= {"fifth": 5, "5th": 5, "last": 0}
EVERY_MONTH = r"(?: (?:of|in) (?:the|each|every|a) month| (?:each|every) month| of the months?| monthly)?"
_LIST = re.compile(r", and |, ?| and | & ")
_DAY_OF_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?")


def fields_of(text: str) -> str | None:
    """Return `day month weekday` for what comes again and again (`every weekday`), None for anything else."""
    for read in (_every_day, _weekdays, _nth_weekday, _days_of_month, _day_of_year):
        fields = read(text)
        if fields is not None:
            return fields
    return None


def _every_day(text: str) -> str | None:
    if text in ("every day", "daily", "each day", "everyday", "every single day"):
        return "* * *"
    if re.fullmatch(
        r"(?:every |each |on )?(?:weekdays?|week days?|workdays?|working days?|business days?)", text
    ):
        return "* * mon-fri"
    if re.fullmatch(r"(?:every |each |on |at )?(?:the )?weekends?", text):
        return "* * sat,sun"
    return None


def _weekdays(text: str) -> str | None:
    """Read `every monday and thursday`, `mondays`, `weekly on fri`, `monday to friday`; one bare day is no rule."""
    match = re.fullmatch(r"(every week on |weekly on |every |each |on )?(.+)", text)
    if match is None:
        return None
    lead, rest = match[1] or "", match[2]
    span = re.fullmatch(r"([a-z]+?)s? ?(?:to|through|until|till|-) ?([a-z]+?)s?", rest)
    if span and span[1] in DAY and span[2] in DAY:
        return f"* * {_short(span[1])}-{_short(span[2])}"
    found, is_plural = [], False
    for word in _LIST.split(rest):
        name = re.sub(r"^(every|each|on) ", "", word)
        is_plural = is_plural or (name not in DAY and name.removesuffix("s") in DAY)
        name = name if name in DAY else name.removesuffix("s")
        if name not in DAY:
            return None
        found.append(_short(name))
    if lead in ("", "on ") and not is_plural and len(found) == 1:
        return None
    return f"* * {','.join(dict.fromkeys(found))}"


def _nth_weekday(text: str) -> str | None:
    """Read `on the first and third monday of the month`, `the last friday`, `every second tuesday of the month`."""
    names = "|".join(ORDINALS)
    match = re.fullmatch(
        rf"(?:on |every )?(?:the )?((?:{names})(?:(?: and | ?, ?)(?:the )?(?:{names}))*) ([a-z]+?)s?({EVERY_MONTH})",
        text,
    )
    if match is None or match[2] not in DAY:
        return None
    if text.startswith("every ") and not match[3]:
        return None  # every second monday: of the month, or every other week?
    short = _short(match[2])
    which = [ORDINALS[word.removeprefix("the ")] for word in _LIST.split(match[1])]
    return f"* * {','.join(f'{short}#{n}' if n else f'{short}L' for n in which)}"


def _days_of_month(text: str) -> str | None:
    """Read `on the 1st and 15th of the month`, `monthly on the 3rd`, `the last day of the month`."""
    lead = r"(?:every month on |each month on |monthly on |on )?"
    if re.fullmatch(rf"{lead}(?:the )?last day{EVERY_MONTH}", text):
        return "L * *"
    if re.fullmatch(rf"{lead}(?:the )?last (?:weekday|workday|working day|business day){EVERY_MONTH}", text):
        return "LW * *"
    match = re.fullmatch(rf"({lead})(?:the )?(?:first day|(?:day )?(\d.*?))({EVERY_MONTH})", text)
    if match is None or not (match[3] or "month" in match[1]):
        return None
    days = [_DAY_OF_MONTH.fullmatch(word.removeprefix("the ")) for word in _LIST.split(match[2] or "1")]
    if not all(day and 1 <= int(day[1]) <= 31 for day in days):
        return None
    return f"{','.join(str(int(day[1])) for day in days if day)} * *"


def _day_of_year(text: str) -> str | None:
    """Read `every year on 24 december`, `every december 24th`, `yearly on the 1st of march`."""
    match = re.fullmatch(r"(?:every year on |each year on |yearly on |annually on |every )(.+)", text)
    found = month_and_day(match[1]) if match else None
    return f"{found[1]} {found[0]} *" if found else None


def month_and_day(text: str) -> tuple[int, int] | None:
    """Read `24 december`, `december 24th`, `the 1st of march`; returns month and day, None for anything else."""
    match = re.fullmatch(r"(?:the )?(\d{1,2})(?:st|nd|rd|th)?\.?(?: of)? ([a-z]+)", text)
    number, name = (match[1], match[2]) if match else ("", "")
    if not match and (match := re.fullmatch(r"([a-z]+)(?: the)? (\d{1,2})(?:st|nd|rd|th)?", text)):
        number, name = match[2], match[1]
    return (MONTH[name], int(number)) if name in MONTH and 1 <= int(number) <= 31 else None


def _short(name: str) -> str:
    return DAYS[DAY[name] - 1][:3]
