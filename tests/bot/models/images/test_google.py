"""Order pictures from Google: Gemini models by `generateContent`, Imagen ids by `predict`, and both refusals."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from quarterdeck.core.errors import Rejected
from quarterdeck.models.images.refusal import Refused

RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9")


def _google(kit: Any, *, says: str = "") -> Any:
    """Be the native API: another key header, ratios, and reasons in answers that are 200."""

    async def play(request: web.Request, body: Mapping[str, Any]) -> web.Response:
        if request.headers.get("x-goog-api-key") != kit.key or "Authorization" in request.headers:
            return kit.no(403, {"error": {"code": 403, "message": "no key", "status": "PERMISSION_DENIED"}})
        made = base64.b64encode(kit.picture()).decode()
        if request.path.endswith(":predict"):
            assert {"instances", "parameters"} == set(body)
            assert body["parameters"].get("aspectRatio", "1:1") in RATIOS
            if says:
                return web.json_response({"predictions": [{"raiFilteredReason": says}]})
            count = body["parameters"]["sampleCount"]
            return web.json_response(
                {"predictions": [{"bytesBase64Encoded": made, "mimeType": "image/png"}] * count}
            )
        if says == "block":
            return web.json_response({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})
        if says:
            return web.json_response({"candidates": [{"finishReason": says, "content": {"parts": []}}]})
        config = body["generationConfig"]
        assert ["TEXT", "IMAGE"] == config["responseModalities"]
        assert config.get("imageConfig", {}).get("aspectRatio", "1:1") in RATIOS
        parts = [{"text": "Here it is."}, {"inlineData": {"mimeType": "image/png", "data": made}}]
        return web.json_response(
            {
                "candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1290},
            }
        )

    return play


async def _desk(open_studio: Any, make: Any, kit: Any, model: str, says: str = "") -> tuple[Any, Any]:
    studio = await open_studio(_google(kit, says=says))
    setting = {"base_url": f"{studio.url}/v1beta", "key": "env:STUDIO_KEY"}
    return studio, make({"google": setting}, [f"google/{model}"])


async def test_a_gemini_model_draws(open_studio: Any, make: Any, studio_kit: Any) -> None:
    """Pixels become the nearest of its shapes; two pictures are two calls with seeds of their own."""
    studio, made = await _desk(open_studio, make, studio_kit, "gemini-2.5-flash-image")

    drawing = await made.desk.generate("A lighthouse", size="1920x1080", count=2, seed=7)

    assert (2, 78_000) == (len(drawing.files), drawing.microusd)
    assert ("Google Gemini draws 16:9, the nearest to 1920x1080.",) == drawing.notes
    assert "/v1beta/models/gemini-2.5-flash-image:generateContent" == studio.seen[0].path
    assert [7, 8] == [one.body["generationConfig"]["seed"] for one in studio.seen]
    assert 1290 == made.recorder.rows[0].output_tokens


async def test_a_picture_is_changed(open_studio: Any, make: Any, studio_kit: Any) -> None:
    """It travels beside the words."""
    studio, made = await _desk(open_studio, make, studio_kit, "gemini-3.1-flash-image")

    await made.desk.generate("Make it night", edit=studio_kit.enclosed())

    inline = studio.seen[0].body["contents"][0]["parts"][1]["inlineData"]
    assert ("image/png", studio_kit.picture()) == (inline["mimeType"], base64.b64decode(inline["data"]))


async def test_an_imagen_id_draws_while_google_keeps_it(open_studio: Any, make: Any, studio_kit: Any) -> None:
    """Four pictures are one call there."""
    studio, made = await _desk(open_studio, make, studio_kit, "imagen-4.0-generate-001")

    drawing = await made.desk.generate("A lighthouse", size="4:3", count=3)

    assert (3, 1, ()) == (len(drawing.files), len(studio.seen), drawing.notes)
    assert "/v1beta/models/imagen-4.0-generate-001:predict" == studio.seen[0].path
    assert {"sampleCount": 3, "aspectRatio": "4:3", "includeRaiReason": True} == studio.seen[0].body[
        "parameters"
    ]


async def test_a_retired_imagen_id_is_replaced_and_says_so(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """Nobody is left with an old file of settings, and nobody is served something else in silence."""
    _, made = await _desk(open_studio, make, studio_kit, "imagen-3.0-generate-002")

    drawing = await made.desk.generate("A lighthouse")

    told = "google has retired imagen-3.0-generate-002; gemini-3.1-flash-image answers in its place."
    assert ("google/gemini-3.1-flash-image", (told,)) == (str(drawing.model), drawing.notes)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("gemini-3.1-flash-image", "IMAGE_SAFETY"),
        ("gemini-3.1-flash-image", "block"),
        ("imagen-4.0-generate-001", "Filtered: violence"),
    ],
)
async def test_a_refusal_that_is_no_error_is_one_for_us(
    model: str, says: str, open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """Google answers 200 and leaves the picture out."""
    _, made = await _desk(open_studio, make, studio_kit, model, says)

    with pytest.raises(Refused):
        await made.desk.generate("A lighthouse")


async def test_words_in_place_of_a_picture_are_an_error(open_studio: Any, make: Any, studio_kit: Any) -> None:
    """Some models talk about the picture that they would draw."""
    _, made = await _desk(open_studio, make, studio_kit, "gemini-3.1-flash-image", "STOP")

    with pytest.raises(Rejected, match="no picture"):
        await made.desk.generate("A lighthouse")
