"""Say in our words what Slack refused: every error code of its Web API, and every failure on the way there.

Codes as in the error tables of docs.slack.dev, 2026-11-21. A code that is not named here is a refusal of this one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quarterdeck.core.errors import (
    AuthFailed,
    Gone,
    RateLimited,
    Rejected,
    ServiceError,
    Unavailable,
    Unknown,
)
from quarterdeck.runtime.network.http import retry_after_s

SERVICE: Final = "Slack"

NEEDS_AUTH: Final = frozenset(
    {
        "account_inactive",
        "app_not_installed",
        "bot_not_found",
        "invalid_auth",
        "not_authed",
        "org_login_required",
        "token_expired",
        "token_revoked",
        "user_removed_from_team",
    }
)
CLOSED: Final = frozenset(
    {
        "access_denied",
        "as_user_not_supported",
        "cannot_dm_bot",
        "cannot_reply_to_message",
        "channel_is_limited_access",
        "channel_not_found",
        "channel_type_not_supported",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "external_channel_migrating",
        "failed_for_some_users",
        "is_archived",
        "is_inactive",
        "messages_tab_disabled",
        "method_not_supported_for_channel_type",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_in_channel",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_thread_only_channel",
        "team_access_not_granted",
        "team_not_found",
        "thread_locked",
        "thread_not_found",
        "user_disabled",
        "user_not_found",
        "user_not_in_channel",
        "user_not_visible",
    }
)
TOO_FAST: Final = frozenset({"message_limit_exceeded", "rate_limited", "ratelimited"})
NOT_NOW: Final = frozenset({"accesslimited", "request_timeout", "service_unavailable", "team_added_to_org"})
IN_DOUBT: Final = frozenset({"fatal_error", "internal_error"})  # "some aspect may have succeeded", says Slack

HINTS: Final[Mapping[str, str]] = {
    "channel_not_found": "invite the bot to the channel: /invite @its name",
    "invalid_blocks": "the message has a form that Slack does not take; this is a bug of ours, please report it",
    "is_archived": "unarchive the channel, or tell the bot to write elsewhere",
    "missing_scope": "add the scope to the app and install it again; `quarterdeck platform manifest slack` has all",
    "msg_too_long": "the message is longer than Slack takes; this is a bug of ours, please report it",
    "not_in_channel": "invite the bot to the channel: /invite @its name",
}
REINSTALL: Final = "install the app again and set SLACK_BOT_TOKEN to its new token"


def refusal(
    method: str, code: str, *, status: int = 200, headers: Mapping[str, str], needed: str = "", is_read: bool
) -> ServiceError:
    """Return the error that `code` stands for. `is_read`: the call changes nothing and may be repeated."""
    said = f"Slack refused {method}: {code or f'HTTP {status}'}" + (f" (needs {needed})" if needed else "")
    if status == 429 or code in TOO_FAST:
        return RateLimited(said, service=SERVICE, retry_after_s=retry_after_s(headers))
    if code in NEEDS_AUTH or (status in (401, 403) and not code):
        return AuthFailed(said, service=SERVICE, hint=REINSTALL)
    if code in CLOSED:
        return Gone(said, service=SERVICE, status=status, detail=code, hint=HINTS.get(code, ""))
    if code in NOT_NOW or status == 503:
        return Unavailable(said, service=SERVICE, retry_after_s=retry_after_s(headers))
    if code in IN_DOUBT or status >= 500:
        if is_read:
            return Unavailable(said, service=SERVICE, retry_after_s=retry_after_s(headers))
        return Unknown(said, service=SERVICE, hint="look there before you try again")
    return Rejected(said, service=SERVICE, status=status, detail=code, hint=HINTS.get(code, ""))


def nonsense(method: str, status: int, *, is_read: bool) -> ServiceError:
    """Return the error for an answer that is not Slack's: a proxy's page, half an answer."""
    said = f"Slack's answer to {method} cannot be read (HTTP {status})"
    if is_read:
        return Unavailable(said, service=SERVICE)
    return Unknown(said, service=SERVICE, hint="look there before you try again")
