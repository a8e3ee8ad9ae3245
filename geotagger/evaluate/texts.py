"""The text in the pictures of an evaluation (`--with text`), read as `tag` reads it and kept nowhere."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from geotagger.engine.cores import usable_cores
from geotagger.errors import PhotoError
from geotagger.evaluate.trial import Sighting
from geotagger.tag.texts import lines_in, open_reader
from geotagger.text.ratios import ratios_of
from geotagger.text.values import PlaceRatios


def with_texts(sightings: Sequence[Sighting]) -> list[Sighting]:
    """Every photograph with what its text says. Raises ModelNotInstalledError, EngineError."""
    reader = open_reader()

    def read(sighting: Sighting) -> PlaceRatios | None:
        if not sighting.is_photograph:
            return None
        try:
            return ratios_of(lines_in(sighting.name, reader))
        except PhotoError:  # told when its facts or its pixels were read, and no text for a video
            return None

    pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="text")
    try:
        texts = list(pool.map(read, sightings))
    finally:
        reader.stop()
        pool.shutdown(cancel_futures=True)
    return [replace(one, text=text) for one, text in zip(sightings, texts, strict=True)]
