"""Hold the metrics to the code that counts."""

from __future__ import annotations

from pathlib import Path

from quarterdeck.runtime.observability import metrics

ROOT = Path(__file__).parents[2]
BOT = ROOT / "bot"


def test_every_metric_is_counted_somewhere_and_declared_in_one_place() -> None:
    """A metric that never moves tells the operator that nothing happens."""
    names = {name for name, value in vars(metrics).items() if isinstance(value, metrics.Metric)}
    declared = Path(metrics.__file__)
    texts = {
        path: path.read_text("utf-8") for home in ("bot", "workflows") for path in (ROOT / home).rglob("*.py")
    }
    code = "\n".join(text for path, text in texts.items() if path != declared)
    used_here = {name for name in names if f"{name}.observe(" in texts[declared]}

    assert set() == {name for name in names - used_here if f"{name}." not in code}
    assert "metrics import Counter" not in code
