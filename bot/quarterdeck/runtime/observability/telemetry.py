"""Show calls of models to the owner's OpenTelemetry collector, by the conventions for generative AI.

Off unless the standard variables name a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`). Spans and metrics are made of
usage rows alone: provider, model, tokens, price, time, outcome. Texts, people and places are not in there, so none
can get out.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from quarterdeck.core.budget import MICRO
from quarterdeck.core.model import UsageRow
from quarterdeck.runtime.process.tasks import in_thread

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

log = logging.getLogger(__name__)

ENDPOINTS: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
NAME: Final = "quarterdeck"
NS_PER_MS: Final = 1_000_000

# OpenTelemetry semantic conventions, page "Generative AI client", values of gen_ai.provider.name, 2026-11-21.
_PROVIDERS: Final = {
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "xai": "x_ai",
    "azure": "azure.ai.openai",
    "moonshot": "moonshot_ai",
}
_OPERATIONS: Final = {"embed": "embeddings", "image": "generate_content"}
# The conventions' advised buckets of gen_ai.client.operation.duration and gen_ai.client.token.usage.
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0)

Record = Callable[[UsageRow], Awaitable[None]]


class Instruments(Protocol):
    """Take one finished call."""

    def show(self, row: UsageRow) -> None:
        """Make a span and count."""


class Telemetry:
    """Pass usage rows on; without a collector it does nothing and loads nothing."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._instruments: Instruments | None = None
        self._stop: Callable[[], None] | None = None

    async def record(self, row: UsageRow) -> None:
        """Write a call down, and show it where somebody looks."""
        if self._instruments is not None:
            self._instruments.show(row)
        await self._record(row)

    async def start(self, environ: Mapping[str, str], version: str) -> None:
        """Connect to the collector that the variables name; a package that is missing is said, and nothing fails."""
        is_off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
        if is_off or not any(environ.get(name) for name in ENDPOINTS):
            return
        try:
            traces, metrics = await in_thread(_providers, environ, version)
        except ImportError as error:
            log.warning(
                "OpenTelemetry is asked for, and a package is missing", extra={"missing": str(error.name)}
            )
            return
        self.show_by(traces, metrics)
        log.info("Calls of models are shown to OpenTelemetry")

    def show_by(self, traces: TracerProvider, metrics: MeterProvider) -> None:
        """Show calls by these providers from now on."""

        def stop() -> None:
            traces.shutdown()
            metrics.shutdown()

        self._instruments, self._stop = _Instruments(traces, metrics), stop

    async def close(self) -> None:
        """Send what is left."""
        if self._stop is not None:
            self._instruments = None
            await in_thread(self._stop)


class _Instruments:
    """Hold the tracer and the two histograms of the conventions."""

    def __init__(self, traces: TracerProvider, metrics: MeterProvider) -> None:
        meter = metrics.get_meter(NAME)
        self._tracer = traces.get_tracer(NAME)
        self._seconds = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )

    def show(self, row: UsageRow) -> None:
        """Make a span that lies where the call lay, and count."""
        from opentelemetry.trace import SpanKind, Status, StatusCode

        operation = _OPERATIONS.get(row.role, "chat")
        common: dict[str, str] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": _PROVIDERS.get(row.provider, row.provider),
            "gen_ai.request.model": row.model,
        }
        if row.outcome != "ok":
            common["error.type"] = row.outcome
        span = self._tracer.start_span(
            f"{operation} {row.model}",
            kind=SpanKind.CLIENT,
            attributes={**common, **_facts(row)},
            start_time=row.at_ms * NS_PER_MS,
        )
        if row.outcome not in ("ok", "cancelled"):
            span.set_status(Status(StatusCode.ERROR))
        span.end((row.at_ms + row.took_ms) * NS_PER_MS)
        self._seconds.record(row.took_ms / 1000, common)
        for kind, tokens in (("input", row.input_tokens), ("output", row.output_tokens)):
            if tokens is not None:
                self._tokens.record(tokens, {**common, "gen_ai.token.type": kind})


def _facts(row: UsageRow) -> dict[str, str | int | float]:
    """Return what else is known of a call; never who asked, where, or what."""
    known: dict[str, str | int | float | None] = {
        "gen_ai.usage.input_tokens": row.input_tokens,
        "gen_ai.usage.output_tokens": row.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": row.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": row.reasoning_tokens,
        "gen_ai.output.type": "image" if row.role == "image" else None,
        "quarterdeck.role": row.role,
        "quarterdeck.images": row.images,
        "quarterdeck.first_ms": row.first_ms,
        "quarterdeck.cost_usd": None if row.microusd is None else row.microusd / MICRO,
    }
    return {name: value for name, value in known.items() if value is not None}


def _providers(environ: Mapping[str, str], version: str) -> tuple[TracerProvider, MeterProvider]:
    """Build the SDK's providers; its exporters read the rest of the standard variables themselves."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    kind = "grpc" if protocol == "grpc" else "http"
    spans = importlib.import_module(f"opentelemetry.exporter.otlp.proto.{kind}.trace_exporter")
    figures = importlib.import_module(f"opentelemetry.exporter.otlp.proto.{kind}.metric_exporter")
    resource = Resource.create(
        {"service.name": environ.get("OTEL_SERVICE_NAME") or NAME, "service.version": version}
    )
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(spans.OTLPSpanExporter()))
    reader = PeriodicExportingMetricReader(figures.OTLPMetricExporter())
    return traces, MeterProvider(resource=resource, metric_readers=[reader])
