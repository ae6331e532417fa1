"""Say for `check` how schedules stand."""

from __future__ import annotations

from importlib.util import find_spec
from zoneinfo import available_timezones

from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.settings import Settings

AREA = "schedule"


def findings(settings: Settings) -> list[Finding]:
    """Return what is on, and what keeps schedules from firing."""
    zone = settings.schedule.default_timezone
    missing = [package for package in ("apscheduler", "cronsim", "dbos") if find_spec(package) is None]
    if missing:
        return [
            Finding(
                level="error",
                area=AREA,
                message=f"schedules cannot fire: {', '.join(missing)} is not installed",
                fix="install quarterdeck again",
            )
        ]
    if zone not in available_timezones():
        return [
            Finding(
                level="error",
                area=AREA,
                message=f"this machine's time zone database has no {zone}",
                fix="pip install tzdata",
            )
        ]
    synchronous = settings.durable.synchronous
    return [
        Finding(level="ok", area=AREA, message=f"schedules without a zone go by {zone}"),
        Finding(level="ok", area=AREA, message=f"durable runs are kept with synchronous {synchronous}"),
    ]
