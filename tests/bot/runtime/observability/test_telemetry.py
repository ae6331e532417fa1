"""Calls of models are shown by OpenTelemetry's conventions, to those who ask for it, and without any content."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from quarterdeck.core.model import UsageRow
from quarterdeck.runtime.observability.telemetry import Telemetry

ROW = UsageRow(
    at_ms=1_795_000_000_000,
    provider="google",
    model="gemini-3.8-flash",
    role="chat",
    person_id="p-canary",
    conversation_id="c-canary",
    input_tokens=12,
    output_tokens=34,
    cached_tokens=10,
    microusd=250_000,
    took_ms=1500,
    first_ms=90,
)


class Rows:
    """Keep rows."""

    def __init__(self) -> None:
        self.rows: list[UsageRow] = []

    async def __call__(self, row: UsageRow) -> None:
        self.rows.append(row)


@pytest.fixture
def seen() -> Any:
    """Return telemetry with the SDK's exporters into memory, its rows, spans and metrics."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    rows, spans, reader = Rows(), InMemorySpanExporter(), InMemoryMetricReader()
    traces = TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(spans))
    telemetry = Telemetry(rows)
    telemetry.show_by(traces, MeterProvider(metric_readers=[reader]))
    return telemetry, rows, spans, reader


async def test_a_call_is_a_span_of_the_conventions(seen: Any) -> None:
    """It lies where the call lay, and says what it used."""
    telemetry, rows, spans, _ = seen

    await telemetry.record(ROW)

    [span] = spans.get_finished_spans()
    assert [ROW] == rows.rows
    assert ("chat gemini-3.8-flash", "CLIENT", 1_500_000_000) == (
        span.name,
        span.kind.name,
        span.end_time - span.start_time,
    )
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-3.8-flash",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 34,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "quarterdeck.role": "chat",
        "quarterdeck.first_ms": 90,
        "quarterdeck.cost_usd": 0.25,
    } == dict(span.attributes)


async def test_metrics_of_the_conventions_are_counted(seen: Any) -> None:
    """Duration, and tokens by kind."""
    telemetry, _, _, reader = seen

    await telemetry.record(ROW)

    found = {
        metric.name: [
            (dict(point.attributes).get("gen_ai.token.type"), point.sum) for point in metric.data.data_points
        ]
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert {
        "gen_ai.client.operation.duration": [(None, 1.5)],
        "gen_ai.client.token.usage": [("input", 12), ("output", 34)],
    } == found


@pytest.mark.parametrize(
    ("role", "outcome", "name", "is_error"),
    [
        ("embed", "ok", "embeddings m", False),
        ("image", "Refused", "generate_content m", True),
        ("fast", "cancelled", "chat m", False),
    ],
)
async def test_failures_and_other_roles_are_told_apart(
    role: str, outcome: str, name: str, is_error: bool, seen: Any
) -> None:
    """An operator looks for errors by their type."""
    telemetry, _, spans, _ = seen

    await telemetry.record(UsageRow(at_ms=1, provider="openai", model="m", role=role, outcome=outcome))

    [span] = spans.get_finished_spans()
    assert (name, is_error) == (span.name, span.status.status_code.name == "ERROR")
    assert (outcome if outcome != "ok" else None) == span.attributes.get("error.type")


async def test_neither_people_nor_places_nor_words_get_out(seen: Any) -> None:
    """What is shown is made of figures and names of models alone."""
    telemetry, _, spans, reader = seen

    await telemetry.record(ROW)

    shown = spans.get_finished_spans()[0].to_json() + reader.get_metrics_data().to_json()
    assert "canary" not in shown


@pytest.mark.parametrize(
    "environ", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}]
)
async def test_it_is_off_unless_asked_for(environ: dict[str, str]) -> None:
    """No variable, no connection."""
    rows = Rows()
    telemetry = Telemetry(rows)

    await telemetry.start(environ, "1")
    await telemetry.record(ROW)
    await telemetry.close()

    assert (None, [ROW]) == (telemetry._instruments, rows.rows)


async def test_a_collector_that_is_not_there_costs_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exporting goes on beside the bot, and its failure is its own."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    rows = Rows()
    telemetry = Telemetry(rows)

    await telemetry.start({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "1")
    await telemetry.record(ROW)
    is_on = telemetry._instruments is not None
    await telemetry.close()

    assert (True, [ROW]) == (is_on, rows.rows)


async def test_a_missing_package_is_named_and_nothing_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The exporter over HTTP is a package of its own."""
    telemetry = Telemetry(Rows())
    asked = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }

    await telemetry.start(asked, "1")

    assert "a package is missing" in caplog.text


def test_nothing_of_it_is_loaded_before_it_is_asked_for() -> None:
    """The SDK takes a tenth of a second and memory that most never need."""
    script = (
        "import sys, quarterdeck.runtime.observability.telemetry; "
        "print(any(one.startswith('opentelemetry') for one in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "False" == done.stdout.strip()
