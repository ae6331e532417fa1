"""Show calls of models to a collector over the wire: OTLP, read with the protocol's own definitions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import pytest
from tests.e2e.conftest import Program
from tests.e2e.test_tools import Vendor

QUESTION = "Who ate the marzipan of Ms Quill?"


class Collector:
    """Be a collector that keeps what it is sent, decoded and as bytes."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: list[Any] = []
        self.raw = b""
        self._heard = threading.Lock()

    @contextmanager
    def serving(self) -> Iterator[dict[str, str]]:
        """Listen; yields the environment that lets a program send here."""
        import grpc
        from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

        kept = self

        class Traces(trace_service_pb2_grpc.TraceServiceServicer):  # type: ignore[misc]
            def Export(self, request: Any, context: object) -> Any:  # noqa: N802 - its name in the protocol
                with kept._heard:
                    kept.raw += request.SerializeToString()
                    for resource in request.resource_spans:
                        kept.spans += [span for scope in resource.scope_spans for span in scope.spans]
                return trace_service_pb2.ExportTraceServiceResponse()

        class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):  # type: ignore[misc]
            def Export(self, request: Any, context: object) -> Any:  # noqa: N802 - the same
                with kept._heard:
                    kept.raw += request.SerializeToString()
                    for resource in request.resource_metrics:
                        kept.metrics += [one for scope in resource.scope_metrics for one in scope.metrics]
                return metrics_service_pb2.ExportMetricsServiceResponse()

        server = grpc.server(futures.ThreadPoolExecutor(2))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
        finally:
            server.stop(1).wait()


@pytest.mark.slow
def test_a_collector_is_sent_what_calls_cost_and_nothing_of_their_words(program: Program) -> None:
    """Names, numbers and outcome by the conventions; no question, no answer, no person, no place."""
    collector, vendor = Collector(), Vendor(("command_whoami", "{}"))
    with vendor.serving() as environment, collector.serving() as address:
        program.environment |= environment | address
        with program.serving():
            (answer,) = program.say(QUESTION)

    said = {one.key: one.value for one in collector.spans[0].attributes}
    names = {one.name for one in collector.metrics}
    assert "I was told" in answer["text"]
    assert 2 == len([span for span in collector.spans if span.name == "chat m"])
    assert ("chat", "custom", "m") == (
        said["gen_ai.operation.name"].string_value,
        said["gen_ai.provider.name"].string_value,
        said["gen_ai.request.model"].string_value,
    )
    assert {"gen_ai.client.operation.duration"} <= names
    for hidden in (b"marzipan", b"Quill", b"told", b"console", b"owner"):
        assert hidden not in collector.raw
