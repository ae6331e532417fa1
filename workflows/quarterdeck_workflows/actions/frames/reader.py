"""Be the process that opens videos and pictures: they may be anybody's, and decoders are native code.

It opens one file by its handle: no address, no playlist, no second file. What is too large in pixels is refused before
it is decoded. The last video stays open, so that frames in order cost no seeking.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from quarterdeck.core.errors import UsageError
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.workers.protocol import Job, Method, Part

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

PIXELS: Final = 50_000_000  # of one frame: 8K is 33 million
QUALITY: Final = 85
FORWARD_S: Final = 20.0  # a frame that is further on than this is sought
SLACK_S: Final = 0.001
# Names of demuxers of FFmpeg 8, `ffmpeg -demuxers`, 2026-11-21: plain containers, none that names other files.
FORMATS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,gif,m4v,h264,hevc,ivf"
)


def reader(options: Json) -> Mapping[str, Method]:
    """Set the process up."""
    desk = _Desk()
    return {"look": desk.look, "frame": desk.frame, "picture": _picture, "close": desk.close}


@dataclass(slots=True)
class _Open:
    """Hold an open video: `last_s` is the time of the frame that came last."""

    path: str
    file: BinaryIO
    container: Any
    stream: Any
    frames: Iterator[Any]
    held: Any = None
    last_s: float = -1.0


class _Desk:
    def __init__(self) -> None:
        self._open: _Open | None = None

    def look(self, job: Job) -> Part:
        """Return length and size of a video; `duration_s` is null where it does not say."""
        video = self._opened(_text(job, "path"))
        duration = video.container.duration  # in microseconds
        return Part(
            {
                "duration_s": duration / 1_000_000 if duration and duration > 0 else None,
                "width": video.stream.codec_context.width,
                "height": video.stream.codec_context.height,
            }
        )

    def frame(self, job: Job) -> Part:
        """Return the frame that is shown at `at_s`, as JPEG; no bytes after the end."""
        video, at_s = self._opened(_text(job, "path")), _number(job, "at_s")
        try:
            frame = self._shown_at(video, at_s)
        except _broken() as error:
            self.close(job)
            raise UsageError(f"its frames cannot be read: {error}", hint="convert it to MP4 first") from error
        if frame is None:
            return Part({"at_s": None})
        return Part({"at_s": video.last_s}, _jpeg(frame.to_image(), int(_number(job, "width"))))

    def close(self, job: Job) -> Part:
        """Close the video."""
        if self._open is not None:
            self._open.container.close()
            self._open.file.close()
            self._open = None
        return Part()

    def _opened(self, path: str) -> _Open:
        if self._open is not None and self._open.path == path:
            return self._open
        if self._open is not None:
            self._open.container.close()
            self._open.file.close()
            self._open = None
        import av

        file = open_regular(path)
        try:
            container = av.open(
                file, mode="r", options={"format_whitelist": FORMATS, "protocol_whitelist": "none"}
            )
        except _broken() as error:
            file.close()
            raise UsageError(
                "it is no video that can be read", hint="give MP4, WebM, MKV, AVI or GIF"
            ) from error
        if not container.streams.video:
            container.close()
            file.close()
            raise UsageError("it holds no video", hint="give a file with pictures in it")
        stream = container.streams.video[0]
        if stream.codec_context.width * stream.codec_context.height > PIXELS:
            container.close()
            file.close()
            raise UsageError(f"its frames have more than {PIXELS} pixels", hint="make it smaller first")
        stream.thread_type = "AUTO"
        self._open = _Open(path, file, container, stream, container.decode(stream))
        return self._open

    def _shown_at(self, video: _Open, at_s: float) -> Any:
        """Return the last frame that begins at `at_s` or before, None when the video is over by then."""
        held_s = _begins_s(video.held) if video.held is not None else -1.0
        if at_s < video.last_s - SLACK_S or at_s > max(held_s, 0.0) + FORWARD_S:
            self._seek(video, at_s)
        shown = None
        while True:
            frame = video.held if video.held is not None else next(video.frames, None)
            video.held = None
            if frame is None:
                return self._last(video, shown, at_s)
            begins_s = _begins_s(frame)
            if begins_s > at_s + SLACK_S and shown is not None:
                video.held = frame
                return shown
            shown, video.last_s = frame, begins_s
            if begins_s > at_s + SLACK_S:  # the first frame comes late: it is what there is
                return shown

    def _last(self, video: _Open, shown: Any, at_s: float) -> Any:
        """Return the last frame while the time that it is shown for lasts."""
        rate = video.stream.average_rate or video.stream.guessed_rate
        length_s = max(float(1 / rate) if rate else 0.0, 0.04)
        if shown is None or at_s > video.last_s + length_s + SLACK_S:
            return None
        return shown

    def _seek(self, video: _Open, at_s: float) -> None:
        video.container.seek(max(0, int(at_s * 1_000_000)), backward=True)
        video.frames, video.held, video.last_s = video.container.decode(video.stream), None, -1.0


def open_regular(path: str) -> BinaryIO:
    """Open a plain file, through no link.

    Raises:
        UsageError: it is none.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError(f"it cannot be opened: {error.strerror}", hint="name a plain file") from error
    file = os.fdopen(handle, "rb")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise UsageError("it is no plain file", hint="name a video or a picture")
    return file


def _picture(job: Job) -> Part:
    """Return a picture as JPEG."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = PIXELS
    try:
        with open_regular(_text(job, "path")) as file, Image.open(file) as image:
            if image.width * image.height > PIXELS:
                raise UsageError(f"it has more than {PIXELS} pixels", hint="make it smaller first")
            return Part({"at_s": None}, _jpeg(image.convert("RGB"), int(_number(job, "width"))))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError("it is no picture that can be read", hint="give PNG, JPEG, WebP or GIF") from error


def _jpeg(image: Any, width: int) -> bytes:
    """Return a picture that is at most `width` pixels wide and as many high."""
    image.thumbnail((width, width))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _begins_s(frame: Any) -> float:
    return float(frame.time) if frame.time is not None else 0.0


def _broken() -> tuple[type[Exception], ...]:
    import av

    return (av.FFmpegError, OSError, ValueError)


def _text(job: Job, name: str) -> str:
    return cast("Mapping[str, str]", job.value)[name]


def _number(job: Job, name: str) -> float:
    return float(cast("Mapping[str, float]", job.value)[name])
