"""Take pictures that a model drew into the run's folder; the model itself is tested where it lives."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.workflows.actions.conftest import Bench

from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.image import Drawing
from quarterdeck.core.model import Connected
from quarterdeck.core.reply import File


class Painter:
    """Draw squares (the `Images` port)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.orders: list[dict[str, Any]] = []

    async def generate(self, prompt: str, **order: Any) -> Drawing:
        """Keep the order and draw."""
        self.orders.append({"prompt": prompt, **order})
        files = []
        for n in range(order["count"]):
            path = self._folder / f"made{n}.png"
            Image.new("RGB", (8, 8), (n, 0, 0)).save(path)
            files.append(File(name=path.name, path=str(path), media_type="image/png"))
        return Drawing(
            files=tuple(files), prompt=prompt, model=Connected(provider="p", model="m"), microusd=40
        )


@pytest.fixture
def painter(bench: Bench, tmp_path: Path) -> Painter:
    """Return who draws."""
    bench.images = Painter(tmp_path)
    return bench.images


async def test_pictures_become_files_of_the_run(bench: Bench, painter: Painter) -> None:
    """Counted on its person, conversation and workflow; ready to be uploaded."""
    drawn = await bench.do("image.generate", prompt="a square", count=2, size="16:9", seed=7, name="square")
    await bench.do("chat.upload", key="k", files=drawn["files"])
    order = painter.orders[0]

    assert {"files": ["square-1.png", "square-2.png"], "model": "p/m", "microusd": 40, "notes": []} == drawn
    assert ("16:9", 7, None, "p1", "fake:general", "test") == (
        order["size"],
        order["seed"],
        order["edit"],
        order["person_id"],
        order["conversation_id"],
        order["workflow"],
    )


async def test_a_picture_of_the_run_can_be_changed(bench: Bench, painter: Painter) -> None:
    """And nothing else can be handed to the vendor under that name."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG")
    bench.folder.mkdir()
    (bench.folder / "old.jpg").write_bytes(out.getvalue())
    (bench.folder / "text.png").write_text("no picture")
    await bench.do("image.generate", prompt="brighter", edit="old.jpg")
    with pytest.raises(UsageError, match="no picture"):
        await bench.do("image.generate", prompt="brighter", edit="text.png")
    with pytest.raises((UsageError, NotFound)):
        await bench.do("image.generate", prompt="brighter", edit="../quarterdeck.db")

    assert [("image/jpeg", out.getvalue())] == [
        (one["edit"].media_type, one["edit"].content) for one in painter.orders
    ]


@pytest.mark.parametrize("given", [{"count": 11}, {"size": "big"}, {"name": "../x"}, {"prompt": ""}])
async def test_a_wrong_order_costs_nothing(bench: Bench, painter: Painter, given: dict[str, Any]) -> None:
    """No vendor is asked."""
    with pytest.raises(UsageError):
        await bench.do("image.generate", **{"prompt": "x", **given})

    assert [] == painter.orders
