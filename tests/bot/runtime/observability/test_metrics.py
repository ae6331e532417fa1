"""Count cheaply, show truthfully, and never grow without bound."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator

import pytest

from quarterdeck.runtime.observability import metrics
from quarterdeck.runtime.observability.metrics import MOST_SERIES, Counter, Gauge, Histogram
from quarterdeck.testing.clock import FakeClock


@pytest.fixture
def name() -> Iterator[str]:
    """Give a metric name of its own, and take the metrics made in the test away again."""
    known = list(metrics._METRICS)
    yield f"test_{uuid.uuid4().hex[:8]}"
    metrics._METRICS[:] = known


def shown(name: str) -> list[str]:
    """Return the lines of the rendered text that hold values of metric `name`."""
    return [line for line in metrics.render().decode().splitlines() if line.startswith(f"quarterdeck_{name}")]


def test_a_counter_is_shown_with_its_labels(name: str) -> None:
    """The operator's graphs read this text."""
    counter = Counter(name, "Things.", labels=("platform", "outcome"))
    counter.add(platform="slack", outcome="accepted")
    counter.add(2, platform="slack", outcome="accepted")

    assert [f'quarterdeck_{name}_total{{outcome="accepted",platform="slack"}} 3.0'] == shown(name)


def test_a_counter_without_labels_is_shown_from_the_start_as_zero(name: str) -> None:
    """An alarm on a rise needs the zero before it."""
    Counter(name, "Things.")

    assert [f"quarterdeck_{name}_total 0.0"] == shown(name)


def test_a_gauge_shows_the_last_value(name: str) -> None:
    """A queue's depth falls, too."""
    gauge = Gauge(name, "Depth.", labels=("queue",))
    gauge.set(5, queue="writer")
    gauge.set(2, queue="writer")

    assert [f'quarterdeck_{name}{{queue="writer"}} 2.0'] == shown(name)


def test_a_histogram_counts_each_value_in_every_bucket_that_holds_it(name: str) -> None:
    """Prometheus' buckets are cumulative, bounds included."""
    histogram = Histogram(name, "Seconds.", bounds=(1.0, 5.0))
    for value in (0.5, 1.0, 3.0, 60.0):
        histogram.observe(value)

    assert [
        f'quarterdeck_{name}_bucket{{le="1.0"}} 2.0',
        f'quarterdeck_{name}_bucket{{le="5.0"}} 3.0',
        f'quarterdeck_{name}_bucket{{le="+Inf"}} 4.0',
        f"quarterdeck_{name}_count 4.0",
        f"quarterdeck_{name}_sum 64.5",
    ] == shown(name)


def test_a_timed_block_is_counted_also_when_it_raises(name: str) -> None:
    """Slow failures are what one looks for."""
    histogram = Histogram(name, "Seconds.", labels=("provider",))
    with pytest.raises(ValueError, match="boom"), histogram.timed(provider="local"):
        raise ValueError("boom")

    assert 1 == histogram.count(provider="local")


def test_hostile_label_values_fill_a_bounded_number_of_series(name: str) -> None:
    """A label that anybody can choose must not eat the memory."""
    counter = Counter(name, "Things.", labels=("command",))
    for n in range(10 * MOST_SERIES):
        counter.add(command=f"made-up-{n}-" + "x" * 1000)

    lines = shown(name)
    assert MOST_SERIES + 1 == len(lines)
    assert 9 * MOST_SERIES == counter.value(command="other")
    assert max(map(len, lines)) < 300


def test_a_missing_label_is_a_mistake_of_ours(name: str) -> None:
    """Series with different labels cannot be added up."""
    counter = Counter(name, "Things.", labels=("platform", "outcome"))
    with pytest.raises(TypeError, match="wants the labels"):
        counter.add(platform="slack")


def test_counts_from_many_threads_are_all_there(name: str) -> None:
    """Worker threads count, too."""
    counter = Counter(name, "Things.", labels=("from",))
    threads = [
        threading.Thread(target=lambda: [counter.add(**{"from": "thread"}) for _ in range(5000)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 40_000 == counter.value(**{"from": "thread"})


def test_text_can_be_read_by_prometheus_own_parser() -> None:
    """What stands in our text is what a scraper understands."""
    from prometheus_client.parser import text_string_to_metric_families

    metrics.EVENTS.add(platform='a "quoted"\nname', outcome="accepted")

    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    assert {ours.name for ours in metrics._METRICS if ours.name.startswith("quarterdeck_")} <= families.keys()
    assert families["process_resident_memory_bytes"].samples[0].value > 1e6
    assert 'a "quoted"\nname' in {
        sample.labels["platform"] for sample in families["quarterdeck_events"].samples
    }


async def test_the_loop_lag_is_measured_once_a_second() -> None:
    """A blocked loop is the first thing to look at when everything is slow."""
    clock = FakeClock()
    before = metrics.LOOP_LAG_SECONDS.count()
    watching = asyncio.create_task(metrics.watch_loop_lag(clock))
    for _ in range(3):
        await clock.advance(metrics.LAG_EVERY_S)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching

    assert 3 == metrics.LOOP_LAG_SECONDS.count() - before


def test_counting_does_not_import_the_package() -> None:
    """The way to the first answer has no room for it."""
    code = (
        "import sys; from quarterdeck.runtime.observability import metrics; "
        "metrics.EVENTS.add(platform='console', outcome='accepted'); "
        "print('prometheus_client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False\n" == done.stdout
