"""Serve `/hooks/{name}`: the webhooks that start workflows.

In this order: the name and the method, how often it was called, the proof on the raw bytes, then the data, the rights
of the webhook's own account `hook::NAME`, and the run. What comes again within a day starts nothing more. Neither body
nor proof is ever logged.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from quarterdeck.core.action import ActionSpec
from quarterdeck.core.errors import Busy, Denied, QuarterdeckError, ServiceError, SetupError, UserError
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock, Json
from quarterdeck.runtime.network.routes import Route
from quarterdeck.runtime.observability import metrics
from quarterdeck_workflows.language.checks.starts import is_harmless
from quarterdeck_workflows.language.spec import HookAuth, OnWebhook, Workflow
from quarterdeck_workflows.triggers.address import METHODS, routes
from quarterdeck_workflows.triggers.body import values_of
from quarterdeck_workflows.triggers.index import Index
from quarterdeck_workflows.triggers.occasion import Beginning, Occasion
from quarterdeck_workflows.triggers.pace import Pace
from quarterdeck_workflows.triggers.proof import Proof, Sent, prove, why_no_key

if TYPE_CHECKING:
    from aiohttp import web

KNOWN: Final = "quarterdeck.hook"  # what was proven, from the one look at the request to the next
KEPT_S: Final = 24 * 3600.0
OPEN_PER_MINUTE: Final = 60  # of a webhook that asks for no proof

Secret = Callable[[str], str]
"""Return the secret behind a reference; raises SetupError where there is none that can be used."""

log = logging.getLogger(__name__)


class Memory(Protocol):
    """Remember by name, over restarts."""

    async def get(self, name: str) -> Json: ...
    async def put(self, name: str, value: Json, *, keep_s: float | None = None) -> None: ...


class HookDoor:
    """Be called by other programs."""

    def __init__(
        self,
        index: Index,
        beginning: Beginning,
        memory: Memory,
        secret: Secret,
        clock: Clock,
        *,
        per_minute: int,
    ) -> None:
        self._index, self._beginning, self._memory = index, beginning, memory
        self._secret, self._clock = secret, clock
        self._pace = Pace(clock, per_minute)
        self._open_pace = Pace(clock, min(per_minute or OPEN_PER_MINUTE, OPEN_PER_MINUTE))
        self._locks: dict[str, asyncio.Lock] = {}
        self._shut: set[str] = set()

    def routes(self) -> tuple[Route, ...]:
        """Declare the address, and who may call it."""
        return routes(self)

    async def is_proven(self, request: web.Request) -> bool:
        """Tell whether the caller proves itself as the webhook's file asks.

        Raises:
            HTTPNotFound, HTTPMethodNotAllowed, HTTPTooManyRequests: it does not come to that.
        """
        from aiohttp import web

        name = request.match_info["name"]
        found = self._index.hook(name)
        if found is None:
            raise web.HTTPNotFound
        workflow, hook = found
        allowed = self._methods(workflow, hook)
        if request.method not in allowed:
            raise web.HTTPMethodNotAllowed(request.method, allowed)
        if hook.auth.kind == "none":
            self._limit(self._open_pace, name)
        sent = Sent(
            method=request.method,
            headers=[(key.lower(), value) for key, value in request.headers.items()],
            query=list(request.query.items()),
            body=await request.read(),
        )
        secret = self._secret_of(hook)
        proof = prove(hook.auth, secret, sent, now_s=self._clock.now_ms() / 1000)
        if proof is None:
            metrics.HOOK_REQUESTS.add(outcome="unproven")
            log.warning("A webhook's caller did not prove itself", extra={"hook": name})
            return False
        if hook.auth.kind != "none":
            self._limit(self._pace, name)
        request[KNOWN] = (workflow, hook, sent, proof)
        return True

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Start what the webhook starts.

        202 with the run's id once it is on disk; 200 where the workflow does not want this one; 403, 422, 503 with the
        reason, which only a proven caller reads.
        """
        workflow, hook, sent, proof = request[KNOWN]
        try:
            run_id, is_new = await self._start(workflow, hook, sent, proof)
        except Denied as error:
            return self._refused(hook, 403, "denied", error)
        except Busy as error:
            return self._refused(hook, 503, "failed", error)
        except UserError as error:
            return self._refused(hook, 422, "refused", error)
        except ServiceError as error:
            return self._refused(hook, 503, "failed", error)
        outcome = "passed" if run_id is None else "started" if is_new else "repeated"
        metrics.HOOK_REQUESTS.add(outcome=outcome)
        return _json({"run_id": run_id}, status=200 if run_id is None else 202)

    async def _start(
        self, workflow: Workflow, hook: OnWebhook, sent: Sent, proof: Proof
    ) -> tuple[str | None, bool]:
        values = values_of(sent, hook.auth)
        async with self._lock(hook.name):
            key, is_new = await self._key(hook.name, proof)
            account = Identity(platform="hook", user_id=hook.name)
            occasion = Occasion(way="webhook", key=key, values=values, who=account)
            run = await self._beginning.begin(workflow, hook, occasion)
        return (None, is_new) if run is None else (run.id, is_new)

    async def _key(self, name: str, proof: Proof) -> tuple[str, bool]:
        """Return what this delivery is known by: the same within a day of the first time, also after a crash."""
        if not proof.id:
            return f"hook:{name}:{uuid.uuid4().hex}", True
        digest = hashlib.sha256(f"{name}\0{proof.id}".encode()).hexdigest()
        first = await self._memory.get(digest)
        is_new = not isinstance(first, int)
        if is_new:
            first = self._clock.now_ms()
            await self._memory.put(digest, first, keep_s=KEPT_S)
        return f"hook:{name}:{digest}:{first}", is_new

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    def _methods(self, workflow: Workflow, hook: OnWebhook) -> tuple[str, ...]:
        """Return the methods that start something: a link preview sends GET, so that is for who proves more."""
        wanted = hook.methods or METHODS
        if is_forgeable(hook.auth) and not self._is_harmless(workflow):
            return tuple(one for one in wanted if one != "GET")
        return wanted

    def _is_harmless(self, workflow: Workflow) -> bool:
        def spec_of(id_: str) -> ActionSpec | None:
            action = self._beginning.bot.actions.get(id_)
            return action.spec if action is not None else None

        return is_harmless(workflow, spec_of)

    def _secret_of(self, hook: OnWebhook) -> str:
        """Return the secret as it is now, so that one that was replaced is not taken any more; without one, nothing."""
        if hook.auth.kind == "none":
            return ""
        try:
            secret = self._secret(hook.auth.secret)
            why, fix = why_no_key(hook.auth, secret), f"`quarterdeck secret set` its {hook.auth.secret}"
        except SetupError as error:
            secret, why, fix = "", error.message, error.hint
        if not why:
            self._shut.discard(hook.name)
            return secret
        if hook.name not in self._shut:
            log.error("A webhook is shut", extra={"hook": hook.name, "error": why, "fix": fix})
        self._shut.add(hook.name)
        return ""

    def _limit(self, pace: Pace, name: str) -> None:
        """Refuse what comes too fast.

        Raises:
            HTTPTooManyRequests: with the seconds to wait.
        """
        from aiohttp import web

        wait_s = pace.take(name)
        if wait_s:
            metrics.HOOK_REQUESTS.add(outcome="limited")
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(math.ceil(wait_s))})

    def _refused(self, hook: OnWebhook, status: int, outcome: str, error: QuarterdeckError) -> web.Response:
        metrics.HOOK_REQUESTS.add(outcome=outcome)
        fields = {"hook": hook.name, "status": status, "kind": type(error).__name__}
        if isinstance(error, Denied | SetupError):  # the others quote what was sent
            fields |= {"error": error.message, "fix": error.hint}
        log.warning("A webhook started nothing", extra=fields)
        return _json({"error": {"message": error.message, "hint": error.hint}}, status=status)


def is_forgeable(auth: HookAuth) -> bool:
    """Tell whether whoever knows the address alone can call it, as link previews do."""
    return auth.kind in ("none", "query")


def _json(value: Mapping[str, Json], *, status: int) -> web.Response:
    from aiohttp import web

    return web.json_response(value, status=status)
