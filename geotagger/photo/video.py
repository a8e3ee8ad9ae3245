"""When and where a video was made.

Takes what stands in its boxes, and gives what a photo's tags give: a capture time, a GPS fix. The trap is the
movie's creation time: UTC by the standard, and by phones; the clock's own time from many cameras. So a date
that carries an offset goes first; then the name of the file, the place, the maker, or photos of the same
camera beside it decide how the creation time is to be read; where nothing decides, it may be either.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from geotagger.coordinates import read_iso6709, read_position
from geotagger.photo.avchd import Avchd
from geotagger.photo.quicktime import QuickTime, sony_text
from geotagger.photo.values import CaptureTime, GpsFix

_NAMED_TIME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)[ _T-]*(?:at |um |à )?"
    r"([0-2]\d)[-_.:h]?([0-5]\d)[-_.:m]?([0-5]\d)(?:\d{3})?(?!\d)"
)
_UTC_NAMES = ("pxl_",)
"""Google's camera names files by UTC."""
_PHONES = re.compile(
    r"apple|google|samsung|xiaomi|redmi|huawei|honor|oneplus|oppo|vivo|motorola|realme|nothing|fairphone",
    re.I,
)
_DATE = re.compile(
    r"\s*(\d{4})[-:](\d\d)[-:](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.\d+)?\s*(?:(Z)|([+-])(\d\d):?(\d\d))?"
)
_QUARTER = timedelta(minutes=15)
_CLOCK_AND_NAME = timedelta(seconds=120)
"""A file is named when the recording begins; its creation time is set until its end, or a little later."""
_FARTHEST_ZONE = timedelta(hours=14)
_SAME_OUTING = timedelta(minutes=30)
_LONGEST_LIVE_S = 5.0
_FIRST = datetime(1990, 1, 1)


@dataclass(frozen=True, slots=True)
class VideoTime:
    """As in Facts: the camera's clock, or a time in UTC, or neither; both where it may be either. And what is
    odd."""

    taken: CaptureTime | None = None
    utc: datetime | None = None
    problem: str | None = None


def video_fix(video: QuickTime, avchd: Avchd) -> GpsFix | None:
    """Where the camera stood. UnreadableCoordinatesError where a place is named that cannot be read."""
    place = None
    if video.texts.get("role", "0") == "0":
        place = read_iso6709(video.texts.get("location", ""))
    if place is None and video.loci is not None:
        place = read_position([video.loci[0]], "", [video.loci[1]], "", signed=True)
    if place is None and avchd.place is not None:
        place = read_position(*avchd.place, signed=False)
    if place is None:
        values = [
            sony_text(video.xml, rf'name="{name}"\s+value="([^"]*)"')
            for name in ("Latitude", "LatitudeRef", "Longitude", "LongitudeRef")
        ]
        place = read_position(values[0], values[1], values[2], values[3], signed=False)
    if place is None:
        return video.telemetry
    return GpsFix(*place, error_m=_accuracy(video))


def _accuracy(video: QuickTime) -> float | None:
    try:
        metres = float(video.texts.get("accuracy", ""))
    except ValueError:
        return None
    return metres if 0 < metres < 20_037_508 else None


def makers(video: QuickTime) -> tuple[str, str]:
    """Maker and model of the camera, "" where they are not named."""
    make = video.texts.get("make") or sony_text(video.xml, r'manufacturer="([^"]*)"')
    model = video.texts.get("model") or sony_text(video.xml, r'modelName="([^"]*)"')
    return make, model


def video_time(
    video: QuickTime,
    path: str,
    has_place: bool,
    beside: Iterable[tuple[str, CaptureTime]],
    now: datetime,
) -> VideoTime:
    """`beside`: photos of the same camera, numbered next to it, and when they were taken. `now` bounds
    the future."""
    for text in (
        video.texts.get("created", ""),
        sony_text(video.xml, r'CreationDate\s+value="([^"]*)"'),
        video.texts.get("day", ""),
    ):
        dated = _dated(text, now)
        if dated is not None:
            return VideoTime(dated)
    recorded = None if video.telemetry is None else video.telemetry.utc
    if recorded is not None and _FIRST <= recorded <= now + timedelta(days=2):
        return VideoTime(utc=recorded)
    created = video.created_utc
    if created is not None and not _FIRST <= created <= now + timedelta(days=2):
        created = None
    name = os.path.basename(path)
    named = _named(name, now)
    if named is not None and name.lower().startswith(_UTC_NAMES):
        return VideoTime(utc=named)
    if named is not None:
        return VideoTime(_by_name(named, created, timedelta(seconds=video.duration_s)))
    if created is None:
        return _with_still(VideoTime(), video, path, beside)
    make, model = makers(video)
    if "android" in video.texts or _PHONES.search(make) or (has_place and not make and not model):
        return VideoTime(utc=created)
    photos = list(beside)
    moment = _by_photos(created, [taken for _, taken in photos])
    if has_place:  # of a camera or a drone that may keep its own time all the same
        return moment if moment.utc is None else VideoTime(utc=created)
    return _with_still(moment, video, path, photos)


def _with_still(
    moment: VideoTime, video: QuickTime, path: str, beside: Iterable[tuple[str, CaptureTime]]
) -> VideoTime:
    """The film of a Live Photo, a few seconds long and named like its photo, has the time of that where its
    own tells nothing: it was exported, or written anew."""
    is_decided = (moment.taken is None) != (moment.utc is None)
    if is_decided or video.duration_s > _LONGEST_LIVE_S:
        return moment
    stem = _stem(path)
    return next((VideoTime(taken) for photo, taken in beside if _stem(photo) == stem), moment)


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0].casefold()


def _by_name(named: datetime, created: datetime | None, duration: timedelta) -> CaptureTime:
    """The name's time, with the offset that it and a creation time in UTC amount to."""
    if created is None:
        return CaptureTime(named)
    offset = round((named - created) / _QUARTER) * _QUARTER
    late = created + offset - named
    if offset and abs(offset) <= _FARTHEST_ZONE and -_CLOCK_AND_NAME <= late <= duration + _CLOCK_AND_NAME:
        return CaptureTime(named, offset)
    return CaptureTime(named)


_EITHER = "its creation time may be UTC or the camera's own; both are weighed"


def _by_photos(created: datetime, beside: Iterable[CaptureTime]) -> VideoTime:
    for photo in beside:
        if abs(created - photo.local) <= _SAME_OUTING:
            return VideoTime(CaptureTime(created, photo.offset))
        if photo.offset is not None and abs(created - (photo.local - photo.offset)) <= _SAME_OUTING:
            return VideoTime(CaptureTime(created + photo.offset, photo.offset))
    return VideoTime(CaptureTime(created), created, problem=_EITHER)


def _dated(text: str, now: datetime) -> CaptureTime | None:
    match = _DATE.match(text)
    if match is None:
        return None
    try:
        local = datetime(*(int(part) for part in match.groups()[:6]))  # type: ignore[arg-type]
    except ValueError:
        return None
    if not _FIRST <= local <= now + timedelta(days=2):
        return None
    if match[7]:
        return CaptureTime(local, timedelta(0))
    if match[8] is None:
        return CaptureTime(local)
    offset = timedelta(hours=int(match[9]), minutes=int(match[10])) * (-1 if match[8] == "-" else 1)
    return CaptureTime(local, offset) if abs(offset) <= _FARTHEST_ZONE else CaptureTime(local)


def _named(name: str, now: datetime) -> datetime | None:
    match = _NAMED_TIME.search(name)
    if match is None:
        return None
    try:
        moment = datetime(*(int(part) for part in match.groups()))  # type: ignore[arg-type]
    except ValueError:
        return None
    return moment if _FIRST <= moment <= now + timedelta(days=2) else None


_NUMBERED = re.compile(r"([A-Za-z_-]*?)_?(\d{3,8})")
_STILLS = frozenset({".jpg", ".jpeg", ".heic", ".thm"})
_NEXT = 3


def numbered_beside(path: str) -> list[str]:
    """Photos of the same folder that are numbered like the video or next to it, nearest first: those of the
    same camera, if the names can be believed."""
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0]
    own = _NUMBERED.fullmatch(stem)
    beside = []
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                other, extension = os.path.splitext(entry.name)
                if extension.lower() not in _STILLS:
                    continue
                if other.casefold() == stem.casefold():
                    beside.append((0, entry.path))
                    continue
                match = _NUMBERED.fullmatch(other)
                if own and match and len(match[2]) == len(own[2]):
                    apart = abs(int(match[2]) - int(own[2]))
                    if apart <= _NEXT:
                        beside.append((apart, entry.path))
    except OSError:
        return []
    return [neighbour for _, neighbour in sorted(beside)][: 2 * _NEXT]
