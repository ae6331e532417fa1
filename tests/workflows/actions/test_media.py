"""Read a real video, made here, with a scripted vision model; kill it, go on, and count what was asked."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from tests.workflows.actions.conftest import Bench, FakeModel, MakeBench

from quarterdeck.core.errors import Denied, NotFound, Rejected, ServiceError, UsageError

SCHEMA = {
    "type": "object",
    "properties": {"shade": {"type": "integer"}, "note": {"type": "string"}},
    "required": ["shade"],
}
FRAMES, RATE = 20, 4  # five seconds
STEP = 12  # each frame is that much brighter


def make_video(path: Path, frames: int = FRAMES, rate: int = RATE) -> Path:
    """Write a video whose n-th frame has the grey value n × STEP."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.time_base = Fraction(1, rate)
        for n in range(frames):
            picture = np.full((240, 320, 3), n * STEP, dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def shade(asked: Mapping[str, Any]) -> int:
    """Return the grey value of the picture in a question."""
    turns = [one["content"] for one in asked["messages"] if isinstance(one["content"], list)]
    parts = [part for turn in turns for part in turn]
    url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
    picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    return int(np.asarray(picture.convert("L")).mean())


def see(asked: Mapping[str, Any]) -> str:
    """Answer with what is in the picture."""
    return json.dumps({"shade": round(shade(asked) / STEP) * STEP, "note": "=1+1"})


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Return a folder that workflows may read, with a video."""
    folder = tmp_path / "clips"
    folder.mkdir()
    make_video(folder / "ramp.mp4")
    return folder


@pytest.fixture
async def bench(make_bench: MakeBench, model: FakeModel, clips: Path) -> Bench:
    """Return a bench that may read the clips and has a model that sees."""
    model.answers(see)
    return await make_bench({**model.settings(), "media": {"folders": [str(clips)]}})


async def test_every_frame_becomes_a_row(bench: Bench, model: FakeModel, clips: Path) -> None:
    """In JSON Lines and CSV, with its time, and without formulas."""
    told = await bench.do("media.extract", source=str(clips / "ramp.mp4"), schema=SCHEMA, every_s=1.0)
    rows = [json.loads(line) for line in (bench.folder / "ramp.jsonl").read_text().splitlines()]
    table = list(csv.reader((bench.folder / "ramp.csv").read_text("utf-8").splitlines()))

    assert (5, 5, 0, "lmstudio/scripted") == (told["frames"], told["rows"], told["failed"], told["model"])
    assert [(n, float(n), "ramp.mp4", n * RATE * STEP) for n in range(5)] == [
        (row["frame"], row["time_s"], row["source"], row["shade"]) for row in rows
    ]
    assert ["frame", "time_s", "source", "shade", "note"] == table[0]
    assert ["1", "1.0", "ramp.mp4", "48", "'=1+1"] == table[2]
    assert SCHEMA == model.asked[0]["response_format"]["json_schema"]["schema"]
    assert ["1 of 5 frames read"] == bench.told[:1]


async def test_frames_between_key_frames_are_the_right_ones(bench: Bench, clips: Path) -> None:
    """Four a second of four a second: each its own."""
    told = await bench.do(
        "media.extract", source=str(clips / "ramp.mp4"), schema=SCHEMA, every_s=0.25, concurrency=4
    )
    rows = [json.loads(line) for line in (bench.folder / "ramp.jsonl").read_text().splitlines()]

    assert (FRAMES, [n * STEP for n in range(FRAMES)]) == (told["rows"], [row["shade"] for row in rows])


async def test_a_try_that_failed_goes_on_where_it_stopped(
    bench: Bench, model: FakeModel, clips: Path
) -> None:
    """What was read is not read again, and not paid for again."""
    seen = 0

    def away(asked: Mapping[str, Any]) -> str:
        nonlocal seen
        seen += 1
        if seen > 2:
            raise ConnectionError
        return see(asked)

    model.answers(away)
    with pytest.raises(ServiceError):
        await bench.do("media.extract", source=str(clips / "ramp.mp4"), schema=SCHEMA)
    model.answers(see)
    before = len(model.asked)
    told = await bench.do("media.extract", source=str(clips / "ramp.mp4"), schema=SCHEMA)

    assert (5, 3) == (told["rows"], len(model.asked) - before)


async def test_another_question_begins_anew(bench: Bench, model: FakeModel, clips: Path) -> None:
    """Rows of two questions must not be mixed."""
    for instructions in ("What?", "Where?"):
        told = await bench.do(
            "media.extract", source=str(clips / "ramp.mp4"), schema=SCHEMA, instructions=instructions
        )

    assert (10, 5) == (len(model.asked), told["rows"])


async def test_a_line_that_was_cut_off_is_read_again(bench: Bench, model: FakeModel, clips: Path) -> None:
    """A power cut ends in the middle of a line."""
    await bench.do("media.extract", source=str(clips / "ramp.mp4"), schema=SCHEMA)
    ledger = bench.folder / "ramp.ledger"
    ledger.write_bytes(ledger.read_bytes()[:-9])
    told = await bench.do("media.extract", source=str(clips / "ramp.mp4"), schema=SCHEMA)

    assert (6, 5) == (len(model.asked), told["rows"])


async def test_a_frame_that_no_answer_fits_is_named(bench: Bench, model: FakeModel, clips: Path) -> None:
    """The others are kept."""
    model.answers(lambda asked: "unreadable" if 90 < shade(asked) < 100 else see(asked))
    told = await bench.do("media.extract", source=str(clips / "ramp.mp4"), schema=SCHEMA)

    assert (5, 4, 1, 2) == (told["frames"], told["rows"], told["failed"], told["failures"][0]["frame"])


async def test_a_model_that_cannot_do_it_at_all_fails_soon(
    bench: Bench, model: FakeModel, clips: Path
) -> None:
    """Not after ten thousand frames."""
    model.answers(lambda asked: "I see a picture.")
    with pytest.raises(Rejected):
        await bench.do("media.extract", source=str(clips / "ramp.mp4"), schema=SCHEMA, every_s=0.25)

    assert 9 == len(model.asked)


async def test_rows_may_be_a_list_in_each_frame(bench: Bench, model: FakeModel, clips: Path) -> None:
    """A frame may show many things."""
    schema = {"type": "object", "properties": {"lines": {"type": "array", "items": {"type": "string"}}}}
    model.answers(lambda asked: json.dumps({"lines": ["a", "b"]}))
    told = await bench.do(
        "media.extract",
        source=str(clips / "ramp.mp4"),
        schema=schema,
        rows_at="lines",
        max_frames=2,
        name="text",
    )

    assert (4, "text.csv", "a") == (told["rows"], told["csv"], told["sample"][0]["value"])
    with pytest.raises(UsageError, match="rows_at"):
        await bench.do("media.extract", source=str(clips / "ramp.mp4"), schema=schema, rows_at="cells")


async def test_pictures_of_a_folder_are_read_in_order(bench: Bench, clips: Path) -> None:
    """2 comes before 10."""
    folder = clips / "shots"
    folder.mkdir()
    for n in (10, 2, 1):
        Image.new("RGB", (64, 64), (n * STEP,) * 3).save(folder / f"shot{n}.png")
    await bench.do("media.extract", source=str(folder), schema=SCHEMA)
    rows = [json.loads(line) for line in (bench.folder / "shots.jsonl").read_text().splitlines()]

    assert [("shot1.png", 12), ("shot2.png", 24), ("shot10.png", 120)] == [
        (row["source"], row["shade"]) for row in rows
    ]


async def test_frames_become_files_of_the_run(bench: Bench, clips: Path) -> None:
    """To be shown, or read by another step."""
    told = await bench.do("media.frames", source=str(clips / "ramp.mp4"), every_s=2.0, width=64, name="still")
    sizes = []
    for one in told["frames"]:
        with Image.open(bench.folder / one["file"]) as picture:
            sizes.append(picture.size)
    again = await bench.do("media.extract", source="still", schema=SCHEMA)

    assert ["still/00000.jpg", "still/00001.jpg", "still/00002.jpg"] == [
        one["file"] for one in told["frames"]
    ]
    assert ([(64, 48)] * 3, 3) == (sizes, again["rows"])


@pytest.mark.parametrize("source", ["/etc/passwd", "../clips/ramp.mp4", "link.mp4", "/clips/../etc/passwd"])
async def test_nothing_outside_the_allowed_folders_is_read(bench: Bench, clips: Path, source: str) -> None:
    """The hint names the setting, and not whether the file is there."""
    bench.folder.mkdir()
    (bench.folder / "link.mp4").symlink_to(clips / "ramp.mp4")
    with pytest.raises(Denied) as caught:
        await bench.do("media.frames", source=source)

    assert "media.folders" in caught.value.hint


async def test_what_is_missing_in_the_run_is_said(bench: Bench) -> None:
    """By its name."""
    bench.folder.mkdir()
    with pytest.raises(NotFound, match=r"clip\.mp4"):
        await bench.do("media.frames", source="clip.mp4")
    with pytest.raises(NotFound):
        await bench.do("media.frames", source="\x00")


HOSTILE = {
    "playlist.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "list.mp4": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "noise.mp4": bytes(range(256)) * 64,
    "empty.webm": b"",
    "page.mkv": b"<html><script>1</script></html>",
    "bomb.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xff\xff\x00\x00\xff\xff\x08\x02\x00\x00\x00",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_no_video_costs_its_step_only(bench: Bench, clips: Path, name: str) -> None:
    """Playlists name other files; none is opened."""
    (clips / name).write_bytes(HOSTILE[name])
    with pytest.raises(UsageError, match=name):
        await bench.do("media.frames", source=str(clips / name))


async def test_a_playlist_opens_no_second_file(bench: Bench, clips: Path, tmp_path: Path) -> None:
    """FFmpeg would: to it, this one is a video, and what it shows lies outside."""
    outside = make_video(tmp_path / "outside.ts")
    lines = ("#EXTM3U", "#EXT-X-TARGETDURATION:9", "#EXTINF:5.0,", outside.as_uri(), "#EXT-X-ENDLIST", "")
    (clips / "list.m3u8").write_text("\n".join(lines))
    with av.open(str(clips / "list.m3u8")) as container:
        would_show = len(list(container.decode(video=0)))
    with pytest.raises(UsageError, match="no video"):
        await bench.do("media.frames", source=str(clips / "list.m3u8"))

    assert FRAMES == would_show


async def test_a_video_that_was_cut_off_gives_what_it_has(bench: Bench, clips: Path) -> None:
    """Or says that it cannot be read; it never hangs."""
    whole = make_video(clips / "whole.avi").read_bytes()
    (clips / "cut.avi").write_bytes(whole[: len(whole) // 2])
    async with asyncio.timeout(60):
        told = await bench.do("media.frames", source=str(clips / "cut.avi"))

    assert 1 <= len(told["frames"]) <= 5


PROGRAM = """
import asyncio, json, sys
from tests.workflows.actions.killed import main
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_a_kill_in_the_middle_repeats_no_frame_that_was_written(
    bench: Bench, model: FakeModel, clips: Path, tmp_path: Path
) -> None:
    """SIGKILL while a frame is asked about: of twenty frames that one at the most is asked about twice."""
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()

    def counting(asked: Mapping[str, Any]) -> str:
        if len(model.asked) >= 8:
            loop.call_soon_threadsafe(reached.set)
        return see(asked)

    model.answers(counting)
    repository = Path(__file__).resolve().parents[3]
    settings = json.dumps({**model.settings(), "media": {"folders": [str(clips)]}})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(tmp_path), settings, str(clips / "ramp.mp4"), json.dumps(SCHEMA),
        cwd=repository, env={**os.environ, "PYTHONPATH": str(repository)}, stderr=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        await reached.wait()
    process.send_signal(signal.SIGKILL)
    _, errors = await process.communicate()
    assert (-signal.SIGKILL, b"") == (process.returncode, errors)
    model.answers(see)
    told = await bench.do("media.extract", source=str(clips / "ramp.mp4"), schema=SCHEMA, every_s=0.25)

    assert (FRAMES, True) == (told["rows"], FRAMES <= len(model.asked) <= FRAMES + 1)
