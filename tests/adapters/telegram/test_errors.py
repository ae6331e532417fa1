"""Every error of the SDK and of the wire has one of ours."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest
from telegram import error as sdk

from quarterdeck.core.errors import (
    AuthFailed,
    Gone,
    RateLimited,
    Rejected,
    ServiceError,
    Unavailable,
    Unknown,
)
from quarterdeck_adapters.telegram.chats import Moved
from quarterdeck_adapters.telegram.errors import Lost, answer_failure, is_post, ours

CLASSES = [getattr(sdk, name) for name in sdk.__all__]


def made(kind: type[sdk.TelegramError]) -> sdk.TelegramError:
    """Return an error of this class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK warns of its own future
        return kind(5) if kind in (sdk.ChatMigrated, sdk.RetryAfter) else kind("said")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("method", ["sendMessage", "getUpdates"])
def test_every_error_of_the_sdk_is_one_of_ours(kind: type[sdk.TelegramError], method: str) -> None:
    """One that is not would pass for a mistake of ours."""
    assert isinstance(ours(made(kind), method=method), ServiceError | Moved)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sdk.InvalidToken("Unauthorized"), AuthFailed),
        (sdk.Conflict("Conflict: terminated by other getUpdates request"), Rejected),
        (sdk.BadRequest("Bad Request: message text is empty"), Rejected),
        (sdk.BadRequest("Bad Request: chat not found"), Gone),
        (sdk.BadRequest("Bad Request: TOPIC_CLOSED"), Gone),
        (sdk.Forbidden("Forbidden: bot was kicked from the supergroup chat"), Gone),
        (sdk.Forbidden("Forbidden: bots can't send messages to bots"), Rejected),
        (sdk.TelegramError("the answer is no JSON object"), Unknown),
        (sdk.TimedOut(), Unknown),
    ],
)
def test_who_can_mend_it_follows_from_the_kind(error: sdk.TelegramError, kind: type[ServiceError]) -> None:
    """A closed place is not a refused message, and neither is a refused token."""
    assert kind is type(ours(error, method="sendMessage"))


def test_a_lost_answer_is_unknown_only_where_something_was_posted() -> None:
    """All else may be called again."""
    assert Unavailable is type(ours(sdk.TimedOut(), method="editMessageText"))
    assert ["sendMessage", "sendPhoto"] == [
        name for name in ("sendMessage", "sendPhoto", "sendChatAction", "getMe") if is_post(name)
    ]


@pytest.mark.parametrize(
    ("status", "method", "kind"),
    [
        (429, "sendMessage", RateLimited),
        (413, "sendDocument", Rejected),
        (500, "sendMessage", Unknown),
        (502, "sendMessage", Unknown),
        (502, "getUpdates", Unavailable),
        (503, "sendMessage", Unavailable),
    ],
)
def test_what_the_sdk_would_blur_is_kept_apart(status: int, method: str, kind: type[ServiceError]) -> None:
    """It knows one class for all that is no 4xx of its own."""
    failure = answer_failure(status, {}, {"parameters": {"retry_after": 7}}, method=method)

    assert kind is type(failure)
    if isinstance(failure, RateLimited):
        assert 7.0 == failure.retry_after_s
    if failure is not None:
        assert failure is ours(Lost(failure), method=method)


def test_loading_the_sdk_leaves_out_what_is_not_needed() -> None:
    """httpx brings a terminal toolkit along for a command line that nobody calls."""
    program = (
        "import sys; from quarterdeck_adapters.telegram import adapter, sdk\n"
        "assert 'telegram' not in sys.modules\n"
        "sdk.load()\n"
        "assert 'telegram' in sys.modules\n"
        "assert 'rich' not in sys.modules and 'httpx._main' not in sys.modules"
    )

    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode
