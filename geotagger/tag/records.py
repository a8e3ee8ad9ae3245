"""A photo of the index as the estimate room takes it."""

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.timeline import PhotoRecord, stated_error_km
from geotagger.estimate.values import Alike, Fix, NamedArea, Posterior
from geotagger.index.photos import IndexedPhoto
from geotagger.text.values import PlaceRatios


def record_of(
    photo: IndexedPhoto,
    posterior: Posterior | None,
    alike: Alike | None = None,
    text: PlaceRatios | None = None,
    *,
    all_images: bool,
    features: NDArray[np.float32] | None = None,
) -> PhotoRecord:
    """A photo of the index as the timeline takes it. What is no photograph keeps its place; its pixels are
    not believed. The place of a scan says nothing of the time that it has, which is the scanner's."""
    facts = photo.facts
    place = None
    is_scan = facts is not None and facts.is_scan
    if (
        not is_scan
        and photo.is_placed_for_good
        and photo.latitude is not None
        and photo.longitude is not None
    ):
        rung = "manual" if photo.is_confirmed else photo.rung or "manual"
        place = Fix(photo.latitude, photo.longitude, stated_error_km(photo.radius_km), rung)
    offset = None if facts is None or facts.taken is None else facts.taken.offset
    usable = facts is not None and (all_images or not facts.not_a_photo)
    return PhotoRecord(
        photo.id,
        photo.utc,
        photo.utc_error_s,
        None if facts is None else facts.camera,
        None if offset is None else offset.total_seconds(),
        place,
        posterior if usable else None,
        alike,
        named_areas(photo),
        photo.path,
        text if usable else None,
        photo.other_utc,
        features=features if usable else None,
        software="" if facts is None else facts.software,
    )


def named_areas(photo: IndexedPhoto) -> tuple[NamedArea, ...]:
    """The areas that the photo's metadata names."""
    if photo.facts is None or not photo.facts.named or photo.is_placed_for_good:
        return ()
    from geotagger.estimate.names import areas_of

    named = photo.facts.named
    return areas_of(named.city, named.region, named.country)
