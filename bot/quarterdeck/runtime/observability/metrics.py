"""Count what the bot does; `/metrics` shows it in Prometheus' text form.

Counting is plain Python and costs under a microsecond, so that every wing may count on its hot path.
The prometheus-client package writes the text; it is imported at the first scrape, off the path to the
first answer.

Labels carry kinds (platform, outcome, command, provider), never ids, names of people or texts.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
    from prometheus_client.registry import CollectorRegistry

    from quarterdeck.core.ports import Clock

    Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # Prometheus exposition formats page, 2026-11-21
MOST_SERIES = 200  # a metric's further label values are counted together as `other`: memory stays bounded
LONGEST_LABEL = 80
LAG_EVERY_S = 1.0

LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)

Labels = tuple[str, ...]


class Metric:
    """Hold the values of one named metric, a series for each combination of labels; any thread may count."""

    def __init__(self, name: str, summary: str, *, labels: Sequence[str] = ()) -> None:
        self.name = f"quarterdeck_{name}"
        self.summary = summary
        self.labels = tuple(labels)
        self._lock = Lock()
        self._seen: dict[tuple[tuple[str, str], ...], Labels] = {}  # labels as given, checked once
        _METRICS.append(self)

    def _series(self, known: Mapping[Labels, object], labels: Mapping[str, str]) -> Labels:
        given = tuple(labels.items())
        series = self._seen.get(given)
        if series is None:
            series = self._checked(known, labels)
            if len(self._seen) < MOST_SERIES:
                self._seen[given] = series
        return series

    def _checked(self, known: Mapping[Labels, object], labels: Mapping[str, str]) -> Labels:
        if len(labels) != len(self.labels):
            raise TypeError(f"{self.name} wants the labels {self.labels}, not {tuple(labels)}")
        series = tuple(labels[name][:LONGEST_LABEL] for name in self.labels)
        if series in known or len(known) < MOST_SERIES:
            return series
        return tuple("other" for _ in series)

    def family(self) -> Family:
        """Return the present values as prometheus-client wants them."""
        raise NotImplementedError


class Counter(Metric):
    """Count up."""

    def __init__(self, name: str, summary: str, *, labels: Sequence[str] = ()) -> None:
        super().__init__(name, summary, labels=labels)
        self._values: dict[Labels, float] = {} if labels else {(): 0.0}

    def add(self, amount: float = 1.0, /, **labels: str) -> None:
        """Count `amount` more; every declared label must be given."""
        with self._lock:
            series = self._series(self._values, labels)
            self._values[series] = self._values.get(series, 0.0) + amount

    def value(self, **labels: str) -> float:
        """Return what was counted under these labels since the process started."""
        return self._values.get(tuple(labels[name] for name in self.labels), 0.0)

    def family(self) -> Family:
        """Return the present counts."""
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(self.name, self.summary, labels=self.labels)
        for series, value in self._values.copy().items():
            family.add_metric(series, value)
        return family


class Gauge(Metric):
    """Show a value that goes up and down."""

    def __init__(self, name: str, summary: str, *, labels: Sequence[str] = ()) -> None:
        super().__init__(name, summary, labels=labels)
        self._values: dict[Labels, float] = {}

    def set(self, value: float, /, **labels: str) -> None:
        """Show `value` from now on."""
        with self._lock:
            self._values[self._series(self._values, labels)] = value

    def value(self, **labels: str) -> float | None:
        """Return the value shown, None where none was set."""
        return self._values.get(tuple(labels[name] for name in self.labels))

    def family(self) -> Family:
        """Return the present values."""
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(self.name, self.summary, labels=self.labels)
        for series, value in self._values.copy().items():
            family.add_metric(series, value)
        return family


class Histogram(Metric):
    """Count values into buckets; `bounds` are the buckets' upper ends, rising."""

    def __init__(
        self, name: str, summary: str, *, labels: Sequence[str] = (), bounds: tuple[float, ...] = LATENCY_S
    ) -> None:
        super().__init__(name, summary, labels=labels)
        self._bounds = bounds
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, value: float, /, **labels: str) -> None:
        """Count one `value`, in the metric's unit."""
        with self._lock:
            series = self._series(self._counts, labels)
            counts = self._counts.setdefault(series, [0] * (len(self._bounds) + 1))
            counts[bisect_left(self._bounds, value)] += 1
            self._sums[series] = self._sums.get(series, 0.0) + value

    @contextmanager
    def timed(self, **labels: str) -> Iterator[None]:
        """Count the seconds that the block takes, also when it raises."""
        started_s = time.perf_counter()
        try:
            yield
        finally:
            self.observe(time.perf_counter() - started_s, **labels)

    def count(self, **labels: str) -> int:
        """Return how many values were counted under these labels."""
        return sum(self._counts.get(tuple(labels[name] for name in self.labels), ()))

    def family(self) -> Family:
        """Return the present buckets, cumulative, as Prometheus wants them."""
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(self.name, self.summary, labels=self.labels)
        with self._lock:
            copies = [(series, list(counts), self._sums[series]) for series, counts in self._counts.items()]
        for series, counts, total in copies:
            buckets: list[tuple[str, float]] = []
            so_far = 0
            for bound, count in zip((*map(str, self._bounds), "+Inf"), counts, strict=True):
                so_far += count
                buckets.append((bound, float(so_far)))
            family.add_metric(series, buckets, total)
        return family


_METRICS: list[Metric] = []

EVENTS = Counter(
    "events",
    "Events from platforms; outcome: accepted, duplicate, ignored, refused, quarantined.",
    labels=("platform", "outcome"),
)
COMMANDS = Counter(
    "commands", "Commands by the status of their answer, or the error's kind.", labels=("command", "status")
)
COMMAND_SECONDS = Histogram(
    "command_seconds", "Seconds from a stored event to its stored answer.", labels=("command",)
)
OUTBOX_ROWS = Gauge("outbox_rows", "Outgoing parts: waiting, sending, unknown, dead.", labels=("state",))
SENDS = Counter(
    "sends",
    "Tries to send; outcome: sent, retried, unknown, dead.",
    labels=("platform", "outcome"),
)
MODEL_CALLS = Counter("model_calls", "Calls to language models.", labels=("provider", "outcome"))
MODEL_TOKENS = Counter(
    "model_tokens",
    "Tokens: input, output, and cached, which are among the input.",
    labels=("provider", "direction"),
)
IMAGES = Counter("images", "Pictures that models drew.", labels=("provider",))
TOOL_CALLS = Counter(
    "tool_calls", "Tools that models asked for: done, failed, asked, refused.", labels=("effect", "outcome")
)
MODEL_SECONDS = Histogram("model_call_seconds", "Seconds of a whole model call.", labels=("provider",))
WORKFLOW_RUNS = Counter(
    "workflow_runs", "Runs of workflows that ended, by state.", labels=("workflow", "state")
)
WORKFLOW_TRIGGERS = Counter(
    "workflow_triggers",
    "Things that start workflows; outcome: started, passed, denied, refused.",
    labels=("kind", "outcome"),
)
HOOK_REQUESTS = Counter(
    "hook_requests",
    "Requests to webhooks; outcome: started, passed, repeated, unproven, limited, denied, refused, failed.",
    labels=("outcome",),
)
SCHEDULE_FIRES = Counter(
    "schedule_fires",
    "Planned times of schedules; outcome: fired, missed, skipped, asked, due.",
    labels=("outcome",),
)
SCHEDULE_RESULTS = Counter("schedule_results", "Fires that ended; result: ok, failed.", labels=("result",))
QUEUE_DEPTH = Gauge("queue_depth", "Entries waiting in a queue of ours.", labels=("queue",))
MCP_CALLS = Counter(
    "mcp_calls", "Calls to MCP servers; outcome: done, refused, failed, late.", labels=("outcome",)
)
MCP_RESTARTS = Counter("mcp_restarts", "Connections to MCP servers that ended and were opened again.")
MCP_TOOLS = Gauge(
    "mcp_tools", "Tools of MCP servers; state: approved, new, changed, other.", labels=("state",)
)
WORKER_RESTARTS = Counter("worker_restarts", "Worker processes that were started again.", labels=("worker",))
STORE_GROUP_JOBS = Histogram("store_group_jobs", "Writes committed together.", bounds=SIZES)
STORE_COMMIT_SECONDS = Histogram("store_commit_seconds", "Seconds of one group commit.")
LOG_ERRORS = Counter("log_errors", "Log lines that were lost: full disk, closed or stalled stderr.")
LOOP_LAG_SECONDS = Histogram("loop_lag_seconds", "Seconds by which the event loop woke up late.")


async def watch_loop_lag(clock: Clock) -> None:
    """Measure once a second how late the event loop wakes up; runs until cancelled."""
    while True:
        due_s = clock.monotonic() + LAG_EVERY_S
        await clock.sleep(LAG_EVERY_S)
        LOOP_LAG_SECONDS.observe(max(0.0, clock.monotonic() - due_s))


class _Ours:
    """Hand all metrics to prometheus-client's registry."""

    def collect(self) -> Iterator[Family]:
        for metric in _METRICS:
            yield metric.family()


def registry() -> CollectorRegistry:
    """Return a registry of our own: our metrics, and the process's memory, processor time and open files."""
    from prometheus_client.process_collector import ProcessCollector
    from prometheus_client.registry import CollectorRegistry

    ours = CollectorRegistry(auto_describe=False)
    ours.register(_Ours())
    ProcessCollector(registry=ours)
    return ours


def render() -> bytes:
    """Return all metrics as Prometheus text. The first call imports the package: tens of ms."""
    from prometheus_client.exposition import generate_latest

    return generate_latest(registry())
