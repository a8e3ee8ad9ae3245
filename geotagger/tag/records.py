"""A photo of the index as the estimate room takes it."""

from geotagger.estimate.timeline import PhotoRecord, stated_error_km
from geotagger.estimate.values import Alike, Fix, NamedArea, Posterior
from geotagger.index.photos import Known
from geotagger.text.values import PlaceRatios


def record_of(
    known: Known,
    posterior: Posterior | None,
    alike: Alike | None = None,
    text: PlaceRatios | None = None,
    *,
    all_images: bool,
) -> PhotoRecord:
    """A photo of the index as the timeline takes it. What is no photograph keeps its place; its pixels are
    not believed."""
    facts = known.facts
    place = None
    if known.is_placed_for_good and known.latitude is not None and known.longitude is not None:
        rung = "manual" if known.is_confirmed else known.rung or "manual"
        place = Fix(known.latitude, known.longitude, stated_error_km(known.radius_km), rung)
    offset = None if facts is None or facts.taken is None else facts.taken.offset
    usable = facts is not None and (all_images or not facts.not_a_photo)
    return PhotoRecord(
        known.id,
        known.utc,
        known.utc_error_s,
        None if facts is None else facts.camera,
        None if offset is None else offset.total_seconds(),
        place,
        posterior if usable else None,
        alike,
        named_areas(known),
        known.path,
        text if usable else None,
    )


def named_areas(known: Known) -> tuple[NamedArea, ...]:
    """The areas that the photo's metadata names."""
    if known.facts is None or not known.facts.named or known.is_placed_for_good:
        return ()
    from geotagger.estimate.names import areas_of

    named = known.facts.named
    return areas_of(named.city, named.region, named.country)
