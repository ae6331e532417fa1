"""Drive every provider of the catalogue that draws against a server that takes and refuses what the vendor's does."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from quarterdeck.core.errors import AuthFailed, Rejected
from quarterdeck.models.images.refusal import Refused


@dataclass(frozen=True, kw_only=True)
class Row:
    """Say how a vendor is reached (`root` stands before its paths), what it takes and what it must be sent."""

    root: str
    path: str
    model: str
    keys: set[str]
    sent: Mapping[str, Any]
    calls: int = 1
    most: int = 1
    notes: tuple[str, ...] = ()
    microusd: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    answer: str = "coded"
    header: str = "Authorization"
    setting: str = "base_url"


ROWS = {
    "openai": Row(
        root="/v1",
        path="/v1/images/generations",
        model="gpt-image-2.5-flare",
        keys={"model", "prompt", "n", "size", "quality", "background", "moderation", "output_format"},
        sent={"n": 2, "size": "1024x768"},
        most=10,
        notes=("OpenAI takes no seed; another order makes another picture.",),
        extra={"usage": {"input_tokens": 12, "output_tokens": 2000, "total_tokens": 2012}},
        microusd=60_060,  # 12 tokens at $5 and 2000 at $30 a million
    ),
    "azure": Row(
        root="/openai/v1",
        path="/openai/v1/images/generations",
        model="my-deployment",
        keys={"model", "prompt", "n", "size", "quality"},
        sent={"n": 2, "size": "1024x768"},
        most=10,
        notes=("Azure OpenAI takes no seed; another order makes another picture.",),
        header="api-key",
    ),
    "nano-gpt": Row(
        root="/api/v1",
        path="/api/v1/images/generations",
        model="hidream",
        keys={"model", "prompt", "n", "size", "response_format", "seed", "imageDataUrl"},
        sent={"n": 2, "size": "1024x768", "seed": 7, "response_format": "b64_json"},
        most=4,
        extra={"cost": 0.02, "paymentSource": "USD"},
        microusd=20_000,
    ),
    "pollinations": Row(
        root="/v1",
        path="/v1/images/generations",
        model="flux",
        keys={"model", "prompt", "n", "size", "quality", "response_format", "seed", "image"},
        sent={"size": "1024x768", "response_format": "b64_json"},
        calls=2,
    ),
    "zhipu": Row(
        root="/api/paas/v4",
        path="/api/paas/v4/images/generations",
        model="cogview-4-250304",
        keys={"model", "prompt", "size", "quality", "user_id", "watermark_enabled"},
        sent={"size": "1024x768"},
        calls=2,
        notes=("Zhipu (GLM, China) takes no seed; another order makes another picture.",),
        microusd=20_000,
        answer="linked",
    ),
    "zai": Row(
        root="/api/paas/v4",
        path="/api/paas/v4/images/generations",
        model="glm-image",
        keys={"model", "prompt", "size", "quality", "user_id", "watermark_enabled"},
        sent={"size": "1024x768"},
        calls=2,
        notes=("Z.ai (GLM) takes no seed; another order makes another picture.",),
        microusd=30_000,
        answer="linked",
    ),
    "openrouter": Row(
        root="/api/v1",
        path="/api/v1/images",
        model="black-forest-labs/flux.2",
        keys={"model", "prompt", "n", "size", "seed", "aspect_ratio", "resolution", "input_references"},
        sent={"n": 2, "size": "1024x768", "seed": 7},
        most=10,
        extra={"usage": {"prompt_tokens": 3, "completion_tokens": 900, "cost": 0.08}},
        microusd=80_000,
    ),
    "xai": Row(
        root="/v1",
        path="/v1/images/generations",
        model="grok-imagine-image-2.0",
        keys={"model", "prompt", "n", "aspect_ratio", "resolution", "response_format", "image"},
        sent={"n": 2, "aspect_ratio": "4:3", "response_format": "b64_json"},
        most=10,
        notes=(
            "xAI takes no seed; another order makes another picture.",
            "xAI draws 4:3, the nearest to 1024x768.",
        ),
        microusd=160_000,
    ),
    "together": Row(
        root="/v1",
        path="/v1/images/generations",
        model="black-forest-labs/FLUX.1-schnell",
        keys={"model", "prompt", "n", "width", "height", "seed", "steps", "response_format"},
        sent={"n": 2, "width": 1024, "height": 768, "seed": 7, "response_format": "base64"},
        most=4,
    ),
    "chutes": Row(
        root="",
        path="/generate",
        model="qwen-image",
        keys={"model", "prompt", "width", "height", "seed", "guidance_scale", "num_inference_steps"},
        sent={"width": 1024, "height": 768},
        calls=2,
        answer="raw",
        setting="image_url",
    ),
    "custom": Row(
        root="/v1",
        path="/v1/images/generations",
        model="stable",
        keys={"model", "prompt", "n", "size"},
        sent={"size": "1024x768"},
        calls=2,
        notes=("Custom (any OpenAI-compatible server) takes no seed; another order makes another picture.",),
    ),
}
LOOPBACK = {"allow_private": ["127.0.0.0/8"], "allow_http": True}


def _answer(row: Row, kit: Any, link: str = "") -> Any:
    if row.answer == "raw":
        return lambda body: web.Response(body=kit.picture(kind="JPEG"), content_type="image/jpeg")
    if row.answer == "linked":
        return lambda body: web.json_response({"created": 1, "data": [{"url": link}], "content_filter": []})
    return lambda body: kit.coded(body, **row.extra)


def _kind(path: Path) -> str | None:
    with Image.open(path) as found:
        return found.format


async def _prepared(id_: str, kit: Any, open_studio: Any, make: Any, **more: Any) -> tuple[Any, Any]:
    """Return a studio of this vendor, and a desk that draws there."""
    row = ROWS[id_]

    async def shelf(request: web.Request, _: object) -> web.Response:
        assert "Authorization" not in request.headers  # our key is none of the shelf's business
        return web.Response(body=kit.picture(), content_type="binary/octet-stream")

    stored = await open_studio(shelf)
    key = kit.key if row.header != "Authorization" else f"Bearer {kit.key}"
    play = kit.strict(
        path=row.path,
        keys=row.keys,
        most=row.most,
        header=(row.header, key),
        answer=_answer(row, kit, f"{stored.url}/a.png?signature=x"),
    )
    studio = await open_studio(play)
    setting = {"key": "env:STUDIO_KEY", row.setting: studio.url + row.root}
    return studio, make({id_: setting}, [f"{id_}/{row.model}"], egress=LOOPBACK, **more)


@pytest.mark.parametrize("id_", ROWS)
async def test_a_vendor_draws(id_: str, studio_kit: Any, open_studio: Any, make: Any) -> None:
    """One order in our words becomes what each vendor takes, and its pictures become files of ours."""
    row = ROWS[id_]
    studio, made = await _prepared(id_, studio_kit, open_studio, make)

    drawing = await made.desk.generate("A lighthouse", size="1024x768", count=2, seed=7)

    assert 2 == len(drawing.files)
    assert all(_kind(Path(one.path)) in ("PNG", "JPEG") for one in drawing.files)
    assert (row.calls, row.notes, row.microusd) == (len(studio.seen), drawing.notes, drawing.microusd)
    assert {"prompt": "A lighthouse", "model": row.model, **row.sent}.items() <= studio.seen[0].body.items()
    assert ["ok"] * row.calls == [one.outcome for one in made.recorder.rows]
    assert {"image"} == {one.role for one in made.recorder.rows}


@pytest.mark.parametrize(
    "id_", [id_ for id_, row in ROWS.items() if row.calls > 1 and row.sent.get("seed") is None]
)
async def test_pictures_of_several_calls_differ(
    id_: str, studio_kit: Any, open_studio: Any, make: Any
) -> None:
    """The same seed twice would be the same picture twice, and paid twice."""
    studio, made = await _prepared(id_, studio_kit, open_studio, make)

    await made.desk.generate("A lighthouse", count=2, seed=7)

    seeds = [one.body.get("seed") for one in studio.seen]
    assert seeds in ([7, 8], [None, None])


@pytest.mark.parametrize("id_", ROWS)
async def test_refused_content_goes_to_nobody_else(
    id_: str, studio_kit: Any, open_studio: Any, make: Any
) -> None:
    """What one vendor will not draw is not shown around until one does."""
    studio, made = await _prepared(id_, studio_kit, open_studio, make)
    made.registry.settings.models.roles.__dict__["image"] *= 2

    with pytest.raises(Refused) as caught:
        await made.desk.generate("Something forbidden")

    assert (1, "Refused", 0) == (
        len(studio.seen),
        made.recorder.rows[0].outcome,
        made.recorder.rows[0].microusd,
    )
    assert "safety system" in caught.value.message


@pytest.mark.parametrize("id_", ROWS)
async def test_a_refused_key_is_named(id_: str, studio_kit: Any, open_studio: Any, make: Any) -> None:
    """The operator is told which vendor does not know the key, and never the key."""
    _, made = await _prepared(id_, studio_kit, open_studio, make, environ={"STUDIO_KEY": "sk-old"})

    with pytest.raises(AuthFailed) as caught:
        await made.desk.generate("A lighthouse")

    assert "sk-old" not in caught.value.message + caught.value.hint


EDITS = {
    "openai": ("/v1/images/edits", "image[]", "bytes"),
    "pollinations": ("/v1/images/edits", "image", "bytes"),
    "nano-gpt": ("/api/v1/images/generations", "imageDataUrl", "data"),
    "xai": ("/v1/images/edits", "image", "object"),
    "openrouter": ("/api/v1/images", "input_references", "references"),
}


@pytest.mark.parametrize("id_", EDITS)
async def test_a_picture_is_changed(id_: str, studio_kit: Any, open_studio: Any, make: Any) -> None:
    """The attached picture travels as each vendor takes it, under the media type that its bytes have."""
    path, name, how = EDITS[id_]
    studio, made = await _prepared(id_, studio_kit, open_studio, make)
    ROWS[id_].keys.add(name)

    await made.desk.generate("Make it night", edit=studio_kit.enclosed("JPEG"))

    raw = studio_kit.picture(kind="JPEG")
    data = f"data:image/jpeg;base64,{base64.b64encode(raw).decode()}"
    wanted: dict[str, Any] = {
        "bytes": raw,
        "data": data,
        "object": {"type": "image_url", "url": data},
        "references": [{"type": "image_url", "image_url": {"url": data}}],
    }
    assert (path, wanted[how]) == (studio.seen[0].path, studio.seen[0].body[name])


@pytest.mark.parametrize("id_", ["together", "zhipu", "custom"])
async def test_who_cannot_change_pictures_says_so(
    id_: str, studio_kit: Any, open_studio: Any, make: Any
) -> None:
    """A picture that was left out in silence would be an answer to another question."""
    studio, made = await _prepared(id_, studio_kit, open_studio, make)

    with pytest.raises(Rejected, match="does not change pictures"):
        await made.desk.generate("Make it night", edit=studio_kit.enclosed())

    assert [] == studio.seen
