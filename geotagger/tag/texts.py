"""The text in the pictures of one archive root, before its photos are weighed (`--with text`): each is read
once, and what it says of places is kept in the index, no word of it anywhere.

Connects the text room with the archive; knows no formula.
"""

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Any

import numpy as np

from geotagger.engine.cores import usable_cores
from geotagger.errors import PhotoError, UnreadablePhotoError
from geotagger.estimate.text_evidence import learned_exponent, lessons_of, teaching
from geotagger.estimate.values import OWN_FIXES, FixSeries
from geotagger.index import Index
from geotagger.index.photos import IndexedPhoto
from geotagger.look.overlap import overlapped
from geotagger.photo.formats import NOT_LOOKED_AT
from geotagger.tag.options import TagOptions
from geotagger.tag.reading import is_lasting
from geotagger.tag.rootrun import RootRun
from geotagger.text import READER
from geotagger.text.values import Line, PlaceRatios

if TYPE_CHECKING:
    from geotagger.text.reader import TextReader

_KEPT_AT_ONCE = 64


def check_reader() -> None:
    """Raises ModelNotInstalledError, in one line, where text cannot be read."""
    from geotagger.text.networks import check_languages, find_networks

    find_networks()
    check_languages()


def open_reader(threads: int = 1) -> "TextReader":
    """Raises ModelNotInstalledError, EngineError."""
    from geotagger.text.networks import find_networks
    from geotagger.text.reader import TextReader

    check_reader()
    return TextReader(find_networks(), threads)


def lines_in(path: str, reader: "TextReader") -> tuple[Line, ...]:
    """What stands in a photo. Raises PhotoError, EngineError."""
    return reader.read(_image(_pixels(path)))


def _pixels(path: str) -> Any:
    from geotagger.photo.upright import read_upright
    from geotagger.text.detecting import LONGEST

    try:
        return np.asarray(read_upright(path, LONGEST))
    except PhotoError:
        raise
    except Exception as error:
        # a mistake of ours on a file nobody foresaw costs that photo its text, not the run
        why = f"it cannot be looked at ({type(error).__name__}: {error})"
        raise UnreadablePhotoError(path, why, "left untouched") from error


def _image(pixels: Any) -> Any:
    from PIL import Image

    return Image.fromarray(pixels)


def read_texts(run: RootRun, fixes: FixSeries) -> Set[int]:
    """Reads the photos that have no place of their own, and some that have, to learn from; gives the numbers
    of those that were read now and say something. Ends early, and in order, when the run is stopped."""
    from geotagger.text.ratios import ratios_of

    teachers = set(fixes.keys[teaching(len(fixes))].tolist()) if len(fixes) else set()
    in_time = run.index.photos.in_time(run.root.id)
    reader: TextReader | None = None

    def wanted(photo: IndexedPhoto) -> bool:
        return is_to_be_read(run, photo, teachers) and not run.index.texts.is_read(photo.id, READER)

    def opened() -> int:
        nonlocal reader
        reader = open_reader()
        return usable_cores()

    def said(batch: Any) -> Sequence[tuple[PlaceRatios | None]]:
        assert reader is not None
        with run.profile.timed("reading text", usable_cores()):
            return [(ratios_of(reader.read(_image(pixels))),) for pixels in batch]

    with_text: set[int] = set()
    new: list[tuple[int, PlaceRatios | None]] = []
    seen = overlapped(
        in_time,
        wanted,
        lambda photo: _pixels(photo.path),
        said,
        batch_size=lambda: 1,
        lanes=opened,
        readers=run.readers,
    )
    run.listener.phase("Reading text", 0)
    try:
        for photo, answer in seen:
            if run.is_stopped:
                break
            if isinstance(answer, PhotoError):
                if is_lasting(photo.path):
                    new.append((photo.id, None))
            elif answer is not None:
                (ratios,) = answer
                new.append((photo.id, ratios))
                if ratios is not None:
                    with_text.add(photo.id)
            if len(new) >= _KEPT_AT_ONCE:
                run.index.texts.put(READER, new)
                new.clear()
    finally:
        if reader is not None and run.is_stopped:
            reader.stop()
        run.index.texts.put(READER, new)
    return with_text


def texts_of(index: Index, photos: Sequence[IndexedPhoto], options: TagOptions) -> dict[int, PlaceRatios]:
    """What the texts of photos say, by their numbers; nothing where texts are not listened to."""
    return index.texts.of([photo.id for photo in photos], READER) if "text" in options.kinds else {}


def is_to_be_read(run: RootRun, photo: IndexedPhoto, teachers: Set[int]) -> bool:
    """A photograph without a place of its own, in the scope of the run, or one to learn from."""
    facts = photo.facts
    if facts is None or photo.error is not None or facts.format in NOT_LOOKED_AT:
        return False
    if facts.not_a_photo and not run.options.all_images:
        return False
    return photo.id in teachers or (photo.rung not in OWN_FIXES and run.in_scope(photo.path))


def text_exponent(index: Index, fixes: FixSeries, options: TagOptions) -> float:
    """How much the text in this archive's pictures counts, by its geotagged photos that were read."""
    if "text" not in options.kinds or not len(fixes):
        return 1.0
    keys: list[int] = fixes.keys[teaching(len(fixes))].tolist()
    return learned_exponent(lessons_of(fixes, index.texts.of(keys, READER)))
