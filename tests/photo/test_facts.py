import struct
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geotagger.marks import Mark, processing_method
from geotagger.photo.facts import read_facts
from geotagger.photo.iptc import iptc_moment
from geotagger.photo.moment import offset_of
from geotagger.photo.tags import read_tags
from geotagger.photo.values import CaptureTime
from geotagger.photo.xmp import xmp_moment, xmp_position, xmp_text

from .pictures import exif, jpeg, place, quarters, tiff_block, with_exif

DTO, SUB, OFFSET, DIGITISED, CHANGED = 0x9003, 0x9291, 0x9011, 0x9004, 0x0132
CAMERA = {0x010F: b"Canon", 0x0110: b"Canon EOS 40D"}


def test_time_comes_with_sub_seconds_and_offset(tmp_path: Path) -> None:
    block = exif(exif={DTO: b"2024:02:29 23:59:58", SUB: b"07", OFFSET: b"-03:30"})
    taken = read_facts(with_exif(tmp_path, block)).taken
    assert taken is not None
    assert taken.local == datetime(2024, 2, 29, 23, 59, 58, 70_000)
    assert taken.offset == -timedelta(hours=3, minutes=30)


@pytest.mark.parametrize("digit", ["²", "①", "٧"])
@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
def test_sub_seconds_of_odd_digits_do_not_cost_the_time(tmp_path: Path, digit: str, coding: str) -> None:
    """`²` is a digit to `str.isdigit` and no number to `int`; found by the fuzzer."""
    block = exif(exif={DTO: b"2024:02:29 23:59:58", SUB: digit.encode(coding, "replace") + b"3"})
    taken = read_facts(with_exif(tmp_path, block)).taken
    assert taken is not None
    assert taken.local.replace(microsecond=0) == datetime(2024, 2, 29, 23, 59, 58)


@pytest.mark.parametrize(
    "text",
    [
        b"0000:00:00 00:00:00",
        b"2023:02:30 10:00:00",
        b"2023:13:01 10:00:00",
        b"1970:01:01 00:00:00",
        b"1980:01:01 00:00:00",
        b"1500:01:01 10:00:00",
        b"9999:12:31 23:59:59",
        b"2023:01:01 25:00:00",
        b"yesterday afternoon",
    ],
)
def test_an_absurd_date_is_no_date_and_a_problem(tmp_path: Path, text: bytes) -> None:
    facts = read_facts(with_exif(tmp_path, exif(exif={DTO: text})))
    assert facts.taken is None
    assert any(text.decode() in problem for problem in facts.problems)


def test_a_blank_date_is_nothing_at_all(tmp_path: Path) -> None:
    facts = read_facts(with_exif(tmp_path, exif(exif={DTO: b"    :  :     :  :  "})))
    assert facts.taken is None
    assert facts.problems == ()


def test_the_time_digitised_stands_in_for_an_absurd_time_taken(tmp_path: Path) -> None:
    block = exif(exif={DTO: b"0000:00:00 00:00:00", DIGITISED: b"2019:06:01 12:00:00"})
    facts = read_facts(with_exif(tmp_path, block))
    assert facts.taken is not None
    assert facts.taken.local == datetime(2019, 6, 1, 12)
    assert facts.problems


def test_the_time_of_last_change_counts_only_when_a_camera_wrote_it(tmp_path: Path) -> None:
    changed = {CHANGED: b"2019:06:01 12:00:00"}
    assert read_facts(with_exif(tmp_path, exif(changed))).taken is None
    assert read_facts(with_exif(tmp_path, exif(changed | CAMERA))).taken is not None
    edited = changed | CAMERA | {0x0131: b"Adobe Photoshop Lightroom 6.1"}
    assert read_facts(with_exif(tmp_path, exif(edited))).taken is None


def test_a_leap_second_is_the_last_second_of_its_minute(tmp_path: Path) -> None:
    taken = read_facts(with_exif(tmp_path, exif(exif={DTO: b"2016:12:31 23:59:60"}))).taken
    assert taken is not None
    assert taken.local == datetime(2016, 12, 31, 23, 59, 59)


@settings(deadline=None)
@given(st.integers(-14 * 60, 14 * 60))
def test_every_offset_is_read_back(minutes: int) -> None:
    sign = "-" if minutes < 0 else "+"
    text = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    assert offset_of(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "+25:00", "02:00", "+0", "   :  ", "+02:99"])
def test_what_is_no_offset_is_none(text: str) -> None:
    assert offset_of(text) is None


def test_gps_comes_with_its_quality(tmp_path: Path) -> None:
    gps = place(-33.5, 151.25) | {
        5: 1,
        6: (125, 10),
        7: ((10, 1), (20, 1), (305, 10)),
        0x0A: b"3",
        0x0B: (21, 10),
        0x1D: b"2023:06:07",
        0x1F: (475, 100),
    }
    fix = read_facts(with_exif(tmp_path, exif(gps=gps))).fix
    assert fix is not None
    assert (fix.latitude, fix.longitude) == pytest.approx((-33.5, 151.25))
    assert (fix.altitude_m, fix.error_m, fix.dop, fix.dimensions) == (-12.5, 4.75, 2.1, 3)
    assert fix.utc == datetime(2023, 6, 7, 10, 20, 30, 500_000)
    assert fix.mark is None


OURS = Mark("visual", confidence=0.9, radius_km=25, model="rn101", run="r1", cell="47a1")


def mark_beside(folder: Path, text: str) -> Mark | None:
    """The mark that is read when this text stands beside 1° N, 2° E."""
    gps = place(1, 2) | {0x1B: b"ASCII\0\0\0" + text.encode()}
    fix = read_facts(with_exif(folder, exif(gps=gps))).fix
    assert fix is not None
    return fix.mark


def test_our_own_mark_is_recognised(tmp_path: Path) -> None:
    assert mark_beside(tmp_path, processing_method(OURS, 1, 2)) == OURS


def test_a_mark_of_an_early_version_names_no_place_and_is_believed(tmp_path: Path) -> None:
    text = "geotagger estimate; rung=visual; p=0.9; radiuskm=25; model=rn101; run=r1; cell=47a1"
    assert mark_beside(tmp_path, text) == OURS


@pytest.mark.parametrize(
    "text", [processing_method(OURS, 1, 2.00002), "geotagger estimate; at=1; rung=visual"]
)
def test_a_mark_says_nothing_of_another_place_than_its_own(tmp_path: Path, text: str) -> None:
    assert mark_beside(tmp_path, text) is None


@pytest.mark.parametrize(
    ("gps", "told"),
    [
        (place(0, 0), "0, 0"),
        (place(0.00001, -0.00001), "0, 0"),
        (place(90.5, 10), "not on the Earth"),
        (place(10, 180.5), "not on the Earth"),
        ({2: ((1, 1), (0, 1), (0, 1)), 4: ((2, 1), (0, 1), (0, 1))}, "hemisphere"),
        (place(10, 10) | {2: ((5, 0), (0, 1), (0, 1))}, "no number"),
        ({1: b"N", 2: ((1, 1), (0, 1), (0, 1))}, "missing"),
    ],
    ids=["null island", "near it", "beyond the pole", "beyond the date line", "no refs", "x/0", "half"],
)
def test_a_position_that_cannot_be_is_no_fix_and_a_problem(
    tmp_path: Path, gps: dict[int, Any], told: str
) -> None:
    facts = read_facts(with_exif(tmp_path, exif(gps=gps)))
    assert facts.fix is None
    assert any(told in problem for problem in (*facts.problems, facts.unreadable_position or ""))
    assert (facts.unreadable_position is None) == (told == "0, 0")


@pytest.mark.parametrize(
    ("written", "offset_h"),
    [(b"2024:06:15 12:00:00+02:00", 2), (b"2024-06-15T12:00:00.500Z", 0), (b"2024:06:15 12:00:00", None)],
)
def test_an_offset_behind_the_time_counts(tmp_path: Path, written: bytes, offset_h: int | None) -> None:
    taken = read_facts(with_exif(tmp_path, exif(exif={0x9003: written}))).taken
    assert taken is not None
    assert taken.local.replace(microsecond=0) == datetime(2024, 6, 15, 12)
    assert taken.offset == (None if offset_h is None else timedelta(hours=offset_h))


@pytest.mark.parametrize(
    ("method", "stated_m", "error_m"),
    [("CELLID", None, 1000.0), ("CELLID", 350, 350.0), ("GPS", None, None), ("WLAN", None, None)],
)
def test_a_position_by_a_cell_tower_is_as_much_less_sure(
    tmp_path: Path, method: str, stated_m: int | None, error_m: float | None
) -> None:
    stated = {} if stated_m is None else {0x1F: (stated_m, 1)}
    gps = place(48, 2) | {0x1B: b"ASCII\0\0\0" + method.encode()} | stated
    fix = read_facts(with_exif(tmp_path, exif(gps=gps))).fix
    assert fix is not None
    assert fix.error_m == error_m


@pytest.mark.parametrize(
    ("datum", "error_m"),
    [
        (b"TOKYO", 500),
        (b"OSGB36", 500),
        (b"WGS-84   ", None),
        (b"WGS84", None),
        (b"JGD2011", None),
        (b"", None),
    ],
)
def test_a_position_by_an_old_datum_is_less_sure(tmp_path: Path, datum: bytes, error_m: float | None) -> None:
    fix = read_facts(with_exif(tmp_path, exif(gps=place(35, 139) | {18: datum}))).fix
    assert fix is not None
    assert fix.error_m == error_m


@pytest.mark.parametrize("latitude", [((47, 1), (0, 0), (0, 0)), ((47, 1), (305, 10), (0, 0))])
def test_minutes_or_seconds_of_zero_over_zero_are_no_position_as_for_exiftool(
    tmp_path: Path, latitude: tuple[tuple[int, int], ...]
) -> None:
    facts = read_facts(with_exif(tmp_path, exif(gps=place(10, 20) | {2: latitude})))
    assert facts.fix is None
    assert facts.unreadable_position is not None


@settings(deadline=None)
@given(st.floats(-89.999, 89.999), st.floats(-179.999, 179.999))
def test_positions_survive_the_way_through_exif(
    tmp_path_factory: pytest.TempPathFactory, latitude: float, longitude: float
) -> None:
    folder = tmp_path_factory.mktemp("place")
    fix = read_facts(with_exif(folder, exif(gps=place(latitude, longitude)))).fix
    if abs(latitude) < 1e-4 and abs(longitude) < 1e-4:
        assert fix is None
    else:
        assert fix is not None
        assert (fix.latitude, fix.longitude) == pytest.approx((latitude, longitude), abs=1e-6)


def test_the_camera_is_named_once_with_its_serial(tmp_path: Path) -> None:
    facts = read_facts(with_exif(tmp_path, exif(CAMERA, {0xA431: b"0123"})))
    assert facts.camera == "Canon EOS 40D #0123"
    facts = read_facts(with_exif(tmp_path, exif({0x010F: b"NIKON CORPORATION", 0x0110: b"NIKON D70"})))
    assert facts.camera == "NIKON D70"
    facts = read_facts(with_exif(tmp_path, exif({0x010F: b"Apple", 0x0110: b"iPhone 13"})))
    assert facts.camera == "Apple iPhone 13"


def _as_app1(block: bytes) -> bytes:
    plain = jpeg(quarters())
    segment = b"Exif\0\0" + block
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]


def test_a_directory_that_points_at_itself_ends(tmp_path: Path) -> None:
    path = tmp_path / "circular.jpg"
    exif_pointer = (0x8769, 4, 1, struct.pack("<I", 8))
    gps_pointer = (0x8825, 4, 1, struct.pack("<I", 8))
    path.write_bytes(_as_app1(tiff_block([exif_pointer, gps_pointer], next_ifd=8)))
    assert read_facts(path).width == 96


def test_a_block_that_claims_the_world_costs_little(tmp_path: Path) -> None:
    many = tiff_block([(0x9C9B, 1, 999, struct.pack("<I", 8))] * 5000)[:60_000]
    tags = read_tags(many)
    assert tags.problem is not None
    assert "absurdly large" in tags.problem
    path = tmp_path / "greedy.jpg"
    path.write_bytes(_as_app1(many))
    assert any("absurdly large" in problem for problem in read_facts(path).problems)
    texts = tiff_block([(0x010E, 2, 0xFFFFFFFF, struct.pack("<I", 8))])
    assert read_tags(texts).problem is None


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_no_exif_block_makes_the_reader_fail(block: bytes) -> None:
    read_tags(b"II*\0" + block)
    read_tags(b"MM\0*" + block)


PACKET = (
    b'<x:xmpmeta><rdf:Description exif:GPSLatitude="47,33.5N" xmp:CreateDate="2015-06-29T14:12:41.25+02:00">'
    b"<exif:GPSLongitude>8,30,30W</exif:GPSLongitude></rdf:Description></x:xmpmeta>"
)


def test_xmp_properties_are_found_as_attribute_and_as_element() -> None:
    assert xmp_position(PACKET) == pytest.approx((47 + 33.5 / 60, -(8 + 30.5 / 60)))
    taken = xmp_moment(xmp_text(PACKET, "xmp:CreateDate"))
    assert taken is not None
    assert taken.local == datetime(2015, 6, 29, 14, 12, 41, 250_000)
    assert taken.offset == timedelta(hours=2)
    assert xmp_text(PACKET, "exif:GPSAltitude") == ""


def test_a_photo_whose_export_kept_only_xmp_has_its_time_and_place(tmp_path: Path) -> None:
    plain = jpeg(quarters(), exif(CAMERA))
    segment = b"http://ns.adobe.com/xap/1.0/\0" + PACKET
    path = tmp_path / "export.jpg"
    path.write_bytes(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:])
    facts = read_facts(path)
    assert facts.fix is not None
    assert facts.fix.latitude == pytest.approx(47 + 33.5 / 60)
    assert facts.taken is not None
    assert facts.taken.local.hour == 14


def test_the_xmp_of_a_tiff_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    quarters().save(path, tiffinfo={0x02BC: PACKET.ljust(3000)})
    fix = read_facts(path).fix
    assert fix is not None
    assert fix.longitude == pytest.approx(-(8 + 30.5 / 60))


def test_a_bigtiff_has_its_size_and_turn_and_says_what_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    quarters(80, 60).save(path, big_tiff=True, tiffinfo={0x0112: 6})
    facts = read_facts(path)
    assert (facts.format, facts.width, facts.height, facts.orientation) == ("tiff", 80, 60, 6)
    assert facts.problems == ("metadata of a BigTIFF is not read",)


def test_an_offset_that_no_clock_on_earth_has_is_left_out() -> None:
    local = datetime(2024, 5, 17, 10, 20)
    for offset in ("+99:99", "-23:59", "+24:00"):
        assert xmp_moment(f"2024-05-17T10:20:00{offset}") == CaptureTime(local)
        time = f"102000{offset.replace(':', '')}".encode()
        block = b"\x1c\x02\x37\x00\x0820240517\x1c\x02\x3c\x00\x0b" + time
        assert iptc_moment(block) == CaptureTime(local)
    assert xmp_moment("2024-05-17T10:20:00-02:30") == CaptureTime(local, -timedelta(hours=2, minutes=30))
