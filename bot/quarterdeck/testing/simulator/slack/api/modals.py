"""Serve views.open, views.update and views.push."""

from __future__ import annotations

import json

from quarterdeck.testing.simulator.slack.api.registry import Arguments, Refused, Site, method
from quarterdeck.testing.simulator.slack.markup.blocks import view_faults
from quarterdeck.testing.simulator.slack.views import PUSH_LIMIT, OpenView
from quarterdeck.testing.simulator.slack.workspace import Payload, Workspace

VIEW_BYTES = 250 * 1024


def read_view(arguments: Arguments) -> Payload:
    """Return a checked modal.

    Raises:
        Refused: it is wrong, or larger than Slack takes.
    """
    view: Payload | None = arguments.document("view", dict, "invalid_arguments")
    if view is None:
        raise Refused("invalid_arguments", "missing required field: view")
    faults = view_faults(view)
    if faults:
        raise Refused("invalid_arguments", *faults)
    if len(json.dumps(view)) > VIEW_BYTES:
        raise Refused("view_too_large")
    return view


def view_of(workspace: Workspace, opened: OpenView, values: Payload | None = None) -> Payload:
    """Return an open form as Slack shows it to the app; `values` is its state."""
    return {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "close": None,
        "submit": None,
        "clear_on_close": False,
        "notify_on_close": False,
        **opened.view,
        "id": opened.id,
        "team_id": workspace.team_id,
        "app_id": workspace.app_id,
        "app_installed_team_id": workspace.team_id,
        "bot_id": workspace.bot_id,
        "hash": opened.hash,
        "root_view_id": opened.root,
        "previous_view_id": opened.previous or None,
        "state": {"values": values or {}},
    }


def _triggered(site: Site, arguments: Arguments) -> str:
    if not arguments.text("trigger_id"):
        raise Refused("invalid_arguments", "missing required field: trigger_id")
    user, error = site.forms.spend(arguments.text("trigger_id"))
    if error:
        raise Refused(error)
    return user


def _unused_name(site: Site, view: Payload, but: OpenView | None = None) -> None:
    external_id = str(view.get("external_id") or "")
    holder = site.forms.find(external_id=external_id)
    if external_id and holder is not None and holder is not but:
        raise Refused("duplicate_external_id")


@method("views.open", required=("view",), per_minute=100)
def open_view(site: Site, arguments: Arguments) -> Payload:
    """Open a form before who pressed or called something within the last 3 s."""
    view = read_view(arguments)
    _unused_name(site, view)
    opened = site.forms.open(_triggered(site, arguments), view)
    site.workspace.tell()
    return {"view": view_of(site.workspace, opened)}


@method("views.push", required=("view",), per_minute=100)
def push_view(site: Site, arguments: Arguments) -> Payload:
    """Put a form on top of the open one."""
    view = read_view(arguments)
    _unused_name(site, view)
    user = _triggered(site, arguments)
    stack = site.forms.stack(user)
    if not stack:
        raise Refused("not_found")
    if len(stack) >= PUSH_LIMIT:
        raise Refused("push_limit_reached")
    opened = site.forms.open(user, view, pushes=True)
    site.workspace.tell()
    return {"view": view_of(site.workspace, opened)}


@method("views.update", required=("view",), per_minute=100)
def update_view(site: Site, arguments: Arguments) -> Payload:
    """Change an open form."""
    view = read_view(arguments)
    opened = site.forms.find(view_id=arguments.text("view_id"), external_id=arguments.text("external_id"))
    if opened is None:
        raise Refused("not_found")
    if arguments.text("hash") not in ("", opened.hash):
        raise Refused("hash_conflict")
    _unused_name(site, view, opened)
    site.forms.change(opened, view)
    site.workspace.tell()
    return {"view": view_of(site.workspace, opened)}
