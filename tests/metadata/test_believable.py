"""What is a position: the photo room, which finds photos that lack one, and the writers agree."""

from typing import Any

import piexif
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.geo import is_believable
from geotagger.metadata import Position, verify
from geotagger.metadata.source import Held
from geotagger.metadata.xmp import position_of
from geotagger.photo.position import told_position
from geotagger.photo.tags import read_tags
from tests.metadata.conftest import ESTIMATE

ratios = st.tuples(st.integers(0, 200), st.sampled_from([0, 1, 60, 1000, 10_000_000]))
directories = st.fixed_dictionaries(
    {},
    optional={
        1: st.sampled_from([b"N", b"S", b"s", b"n ", b" ", b"E", b""]),
        2: st.lists(ratios, min_size=1, max_size=4),
        3: st.sampled_from([b"E", b"W", b"w", b"N", b""]),
        4: st.lists(ratios, min_size=1, max_size=4),
    },
)


@given(directories)
def test_both_readers_of_gps_directories_see_the_same_position(gps: dict[int, Any]) -> None:
    block = piexif.dump({"GPS": gps})[6:]
    fix = told_position(read_tags(block), None).fix
    found = verify.position_in(Held(block))
    assert (fix is None) == (found is None)
    if fix is not None and found is not None:
        assert (found.latitude, found.longitude) == pytest.approx((fix.latitude, fix.longitude), abs=1e-9)


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(0.0, 0.0), (0.00009, -0.00009), (90.1, 0), (0, 180.1), (float("nan"), 1)]
)
def test_what_is_no_position_is_neither_found_nor_written(latitude: float, longitude: float) -> None:
    assert not is_believable(latitude, longitude)
    with pytest.raises(ValueError, match="place"):
        Position(latitude, longitude, ESTIMATE.mark)
    packet = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/"'
        f' exif:GPSLatitude="{latitude:f}" exif:GPSLongitude="{longitude:f}"/></rdf:RDF>'
    )
    assert position_of(packet.encode()) is None
    assert is_believable(0.0001, 0)
