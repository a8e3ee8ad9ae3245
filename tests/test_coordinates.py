"""Coordinates as people and programs spell them, held against ExifTool where it does not lose a sign."""

import json
import math
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.coordinates import Spelling, UnreadableCoordinatesError, read_position
from geotagger.metadata.xmp import position_of
from geotagger.photo.xmp import xmp_position
from tests.photo.pictures import jpeg, quarters

SPELLINGS = (
    "33 deg 52' 4.80\" S",
    "33,52.08S",
    "33,52,4.8S",
    "-33.868",
    "33.868 S",
    "33.868S",
    "33 52 4.8 South",
    "33° 52′ 4.8″ S",
    "33:52:4.8 s",
    "33d52m4.8S",
    "33.868000 deg S",
    "33 degrees 52 minutes 4.8 seconds south",
)


@pytest.mark.parametrize(
    "text",
    [
        *SPELLINGS,
        "3.3868e1 S",
        "S33 52.08",
        "N-33.868",
        "-33,52.08",
        "33d 52m 4.8s S",
        "33d52m4.8sS",
        "33868/1000S",
    ],
)
def test_every_spelling_of_a_southern_latitude_is_read(text: str) -> None:
    place = read_position(text, "", "151.21", "", signed=True)
    assert place == pytest.approx((-33.868, 151.21))


@pytest.mark.parametrize(
    "text",
    ["33,868S", "about 33 S", "33 52 4.8 9 S", "33 N S", "33 E", "nan1", "1e999N", "33d52m4.8s", "12/0N"],
)
def test_what_nobody_can_read_is_said_to_be_unreadable(text: str) -> None:
    with pytest.raises(UnreadableCoordinatesError, match="latitude"):
        read_position(text, "", "151.21", "", signed=True)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        (None, None),
        ("", ""),
        ("0", "0"),
        ([0, 0, 0], [0, 0, 0]),
        ([math.nan], [math.nan]),
        ("unknown", "n/a"),
    ],
)
def test_blanks_and_zeros_name_no_place(latitude: Spelling, longitude: Spelling) -> None:
    assert read_position(latitude, "", longitude, "", signed=False) is None


def test_numbers_of_exif_need_a_hemisphere_or_a_minus() -> None:
    assert read_position([38, 1, 31], "S", [145, 17, 20], "E", signed=False) == pytest.approx(
        (-38.0252778, 145.2888889)
    )
    assert read_position([-38, -1, -31], "N", [145, 17, 20], "E", signed=False) == pytest.approx(
        (-38.0252778, 145.2888889)
    )
    for told in ([38, 1, 31], "38.02527"):
        with pytest.raises(UnreadableCoordinatesError, match="hemisphere"):
            read_position(told, "", [145, 17, 20], "E", signed=False)
    assert read_position("38.02527", "S", "145.28889", "E", signed=False) == (-38.02527, 145.28889)


@given(st.floats(-89.9, 89.9), st.floats(-179.9, 179.9))
def test_every_way_of_writing_a_place_reads_back(latitude: float, longitude: float) -> None:
    if max(abs(latitude), abs(longitude)) < 1e-3:
        return

    def parts(angle: float) -> tuple[int, int, float]:
        minutes, seconds = divmod(abs(angle) * 3600, 60)
        return int(minutes // 60), int(minutes % 60), seconds

    lat, lng = parts(latitude), parts(longitude)
    refs = "S" if latitude < 0 else "N", "W" if longitude < 0 else "E"
    for place in (
        read_position(lat, refs[0], lng, refs[1], signed=False),
        read_position(f"{latitude:.9f}", "", f"{longitude:.9f}", "", signed=True),
        read_position(
            "{} deg {}' {:.6f}\" {}".format(*lat, refs[0]),
            "",
            "{},{},{:.6f}{}".format(*lng, refs[1]),
            "",
            signed=True,
        ),
    ):
        assert place == pytest.approx((latitude, longitude), abs=1e-8)


@given(st.text(alphabet="0123456789.,-+/eEdmsSNW °'\"\0", max_size=40))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    try:
        place = read_position(text, "", "8.5E", "", signed=True)
    except UnreadableCoordinatesError:
        return
    assert place is not None
    assert abs(place[0]) <= 90


def _packet(body: str, attributes: str = "") -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/"'
        f' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" {attributes}>'
        f"{body}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def _location(name: str, latitude: str, longitude: str, form: str) -> str:
    fields = (
        f"<exif:GPSLatitude>{latitude}</exif:GPSLatitude><exif:GPSLongitude>{longitude}</exif:GPSLongitude>"
    )
    item = {
        "bag": f'<rdf:Bag><rdf:li rdf:parseType="Resource">{fields}</rdf:li></rdf:Bag>',
        "description": f"<rdf:Bag><rdf:li><rdf:Description>{fields}</rdf:Description></rdf:li></rdf:Bag>",
        "attributes": f'<rdf:Bag><rdf:li exif:GPSLatitude="{latitude}"'
        f' exif:GPSLongitude="{longitude}"/></rdf:Bag>',
        "bare": f"<rdf:Description>{fields}</rdf:Description>",
    }[form]
    return f"<Iptc4xmpExt:{name}>{item}</Iptc4xmpExt:{name}>"


FORMS = ("bag", "description", "attributes", "bare")


@pytest.mark.parametrize("form", FORMS)
def test_the_place_in_the_picture_is_not_the_cameras_but_that_of_its_making_is(form: str) -> None:
    shown = _location("LocationShown", "45,58.59N", "7,39.51E", form)
    created = _location("LocationCreated", "46,1.2N", "7,45E", form)
    own = 'exif:GPSLatitude="47,0N" exif:GPSLongitude="8,0E"'
    for packet, place in (
        (_packet(shown), None),
        (_packet(shown + created), (46.02, 7.75)),
        (_packet(shown, own), (47, 8)),
        (_packet(shown + created, own), (47, 8)),
    ):
        found = position_of(packet)
        assert xmp_position(packet) == (None if place is None else pytest.approx(place))
        assert (None if found is None else (found.latitude, found.longitude)) == xmp_position(packet)


def test_of_two_places_in_a_list_no_mixture_is_made() -> None:
    one = "<rdf:li rdf:parseType='Resource'><exif:GPSLatitude>46,1.2N</exif:GPSLatitude></rdf:li>"
    two = "<rdf:li rdf:parseType='Resource'><exif:GPSLongitude>7,45E</exif:GPSLongitude></rdf:li>"
    packet = _packet(
        f"<Iptc4xmpExt:LocationCreated><rdf:Bag>{one}{two}</rdf:Bag></Iptc4xmpExt:LocationCreated>"
    )
    assert position_of(packet) is None
    with pytest.raises(UnreadableCoordinatesError, match="longitude is missing"):
        xmp_position(packet)


def test_a_void_position_in_xmp_is_none() -> None:
    packet = _packet("", 'exif:GPSLatitude="47,0N" exif:GPSLongitude="8,0E" exif:GPSStatus="V"')
    assert position_of(packet) is None


def test_a_packet_cut_off_before_its_place_is_unreadable_and_behind_it_read() -> None:
    whole = _packet("<exif:GPSLatitude>47,0N</exif:GPSLatitude><exif:GPSLongitude>8,0E</exif:GPSLongitude>")
    assert xmp_position(whole[: whole.index(b"</rdf:Description>")]) == (47, 8)
    broken = whole.replace(b"<exif:GPSLatitude>", b"<exif:Note>a < b</exif:Note><exif:GPSLatitude>")
    with pytest.raises(UnreadableCoordinatesError, match="damaged"):
        xmp_position(broken)


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_reads_the_same_places(tmp_path: Path) -> None:
    plain = jpeg(quarters())
    for number, text in enumerate(SPELLINGS):
        escaped = text.replace('"', "&quot;")
        packet = _packet("", f'exif:GPSLatitude="{escaped}" exif:GPSLongitude="151,12.6E"')
        segment = b"http://ns.adobe.com/xap/1.0/\0" + packet
        (tmp_path / f"{number:02}.jpg").write_bytes(
            plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]
        )
    command = ["exiftool", "-j", "-n", "-XMP:GPSLatitude", "-XMP:GPSLongitude", str(tmp_path)]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert len(told) == len(SPELLINGS)
    for one in told:
        assert (one["GPSLatitude"], one["GPSLongitude"]) == pytest.approx((-33.868, 151.21)), one
