"""What is known of a photo before anybody looks at its pixels: `read_facts`.

Takes a path, gives Facts: format by content, size, turn, capture time, GPS with its quality, camera,
and whether it is a photograph at all. Reads the metadata only; whether the pixels can be decoded is
found out by whoever needs them. Every failure is UnreadablePhotoError or an entry in `problems`.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from geotagger.coordinates import UnreadableCoordinatesError
from geotagger.errors import UnreadablePhotoError
from geotagger.future import present
from geotagger.photo.containers import Container, read_container
from geotagger.photo.formats import sniff
from geotagger.photo.iptc import iptc_place
from geotagger.photo.kind import why_not_a_photo
from geotagger.photo.moment import capture_time, gps_moment, makers_named
from geotagger.photo.position import stated_position
from geotagger.photo.quicktime import QuickTime
from geotagger.photo.source import PhotoSourceFile
from geotagger.photo.tags import SOFTWARE, Tags
from geotagger.photo.values import CaptureTime, Facts, NamedPlace
from geotagger.photo.video import VideoTime, makers, numbered_beside, video_fix, video_time
from geotagger.photo.xmp import xmp_place

_SERIALS = (("exif", 0xA431), ("image", 0xC62F))
"""BodySerialNumber, and DNG's CameraSerialNumber."""


def read_facts(path: str | os.PathLike[str]) -> Facts:
    """The facts of the photo at `path`. UnreadablePhotoError when it is no image of a known
    format, cannot be opened, or ends before its size is told."""
    with PhotoSourceFile(path) as source:
        return facts_of(container_of(source))


def container_of(source: PhotoSourceFile) -> Container:
    kind = sniff(source.head)
    if kind is None:
        raise source.refusal("not an image of a known format")
    return read_container(source, kind)


def facts_of(container: Container) -> Facts:
    """The facts that the container's tags amount to."""
    now = present()
    if container.video is not None:
        return _facts_of_video(container, container.video, now)
    taken, time_problems = capture_time(container.tags, container.xmp, container.iptc, now)
    position = stated_position(container.tags, container.xmp)
    return Facts(
        container.format,
        container.width,
        container.height,
        container.orientation,
        taken=taken,
        gps_utc=gps_moment(container.tags),
        camera=_camera(container.tags, container.xmp),
        fix=position.fix,
        not_a_photo=why_not_a_photo(container),
        problems=(*container.problems, *time_problems, *position.problems),
        unreadable_position=position.unreadable,
        named=named_place(container.xmp, container.iptc),
        software=_words(container.tags.text(*SOFTWARE)),
    )


def _facts_of_video(container: Container, video: QuickTime, now: datetime) -> Facts:
    """By its own boxes first, then by its XMP and the EXIF of its thumbnail."""
    position = stated_position(container.tags, container.xmp)
    fix, unreadable = position.fix, position.unreadable
    try:
        fix = video_fix(video, container.avchd) or fix
    except UnreadableCoordinatesError as error:
        unreadable = f"video: {error}"
    taken, problems = capture_time(container.tags, container.xmp, None, now)
    moment = VideoTime(taken or container.avchd.taken)
    if moment.taken is None:
        moment = video_time(video, container.path, fix is not None, _times_beside(container.path), now)
    make, model = makers(video)
    return Facts(
        container.format,
        container.width,
        container.height,
        taken=moment.taken,
        gps_utc=moment.utc,
        camera=_camera(container.tags, container.xmp) or camera_name(make, model),
        fix=fix,
        not_a_photo=why_not_a_photo(container),
        problems=(*container.problems, *problems, *([moment.problem] if moment.problem else [])),
        unreadable_position=unreadable if fix is None else None,
        named=named_place(container.xmp, None),
        software=_words(video.texts.get("software") or container.tags.text(*SOFTWARE)),
    )


def _times_beside(path: str) -> Iterator[tuple[str, CaptureTime]]:
    """When photos of the same camera were taken, by their numbers."""
    for photo in numbered_beside(path):
        with suppress(UnreadablePhotoError), PhotoSourceFile(photo) as source:
            container = container_of(source)
            # a film that is named like a photo would ask this one in its turn
            taken = None if container.video is not None else facts_of(container).taken
            if taken is not None:
                yield photo, taken


def _camera(tags: Tags, xmp: bytes | None) -> str | None:
    serial = next((text for key in _SERIALS if (text := _words(tags.text(*key)))), "")
    return camera_name(*makers_named(tags, xmp), serial)


def camera_name(make: str, model: str, serial: str = "") -> str | None:
    """One name of maker, model and serial number; None when nothing is named."""
    make, model = _words(make), _words(model)
    if not make and not model:
        return None
    brand = make.split(" ")[0].lower() if make else ""
    name = model if brand and model.lower().startswith(brand) else f"{make} {model}".strip()
    return f"{name} #{serial}" if serial.strip("0") else name


def named_place(xmp: bytes | None, iptc: bytes | None) -> NamedPlace:
    """The place that the XMP packet names, or the IPTC datasets."""
    return xmp_place(xmp) or iptc_place(iptc)


def _words(text: str) -> str:
    """Printable words of a tag, at most a line of them."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:100]
