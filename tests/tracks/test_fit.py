"""FIT files, made here by the protocol: records, cameras, apps that describe nothing, damage."""

import struct
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest

from geotagger.errors import SourceError
from geotagger.tracks import load_tracks

T0 = datetime(2024, 6, 15, 10, tzinfo=UTC).timestamp()
EPOCH = datetime(1989, 12, 31, tzinfo=UTC).timestamp()
WHEN = int(T0 - EPOCH)
RECORD, GPS_METADATA, CORRELATION, FILE_ID = 20, 160, 162, 0
ACTIVITY, COURSE = 4, 6


def semicircles(degrees: float) -> int:
    return round(degrees * 2**31 / 180)


def definition(message: int, *fields: tuple[int, int, int], developer: tuple[int, ...] = ()) -> bytes:
    """Fields are (number, size, base type); developer fields are numbers of one byte each."""
    body = bytes([0x60 if developer else 0x40, 0, 0]) + struct.pack("<H", message) + bytes([len(fields)])
    body += b"".join(bytes(field) for field in fields)
    return body + (
        bytes([len(developer)]) + b"".join(bytes([n, 1, 0]) for n in developer) if developer else b""
    )


PLACE = ((253, 4, 0x86), (0, 4, 0x85), (1, 4, 0x85))


def fit(body: bytes) -> bytes:
    return struct.pack("<BBHI4s", 14, 0x20, 2132, len(body), b".FIT") + b"\0\0" + body + b"\0\0"


def record(later: int, lat: float, more: bytes = b"") -> bytes:
    return bytes([0]) + struct.pack("<Iii", WHEN + later, semicircles(lat), semicircles(8.0)) + more


def kind(number: int) -> bytes:
    return definition(FILE_ID, (0, 1, 0x00)) + bytes([0, number])


def read(folder: Path, content: bytes) -> list[tuple[float, float]]:
    (folder / "a.fit").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (track,) = load_tracks([folder / "a.fit"])
    return [
        (utc - T0, round(lat, 5)) for utc, lat in zip(track.utc.tolist(), track.lat[:].tolist(), strict=True)
    ]


def test_fields_that_an_app_does_not_describe_are_not_spoken_of(tmp_path: Path) -> None:
    body = (
        definition(RECORD, *PLACE, developer=(7, 8))
        + record(0, 47.0, b"\x01\x02")
        + record(60, 47.1, b"\0\0")
    )
    assert read(tmp_path, fit(kind(ACTIVITY) + body)) == [(0, 47.0), (60, 47.1)]


def test_a_camera_tells_its_way_with_milliseconds(tmp_path: Path) -> None:
    fields = ((253, 4, 0x86), (0, 2, 0x84), (1, 4, 0x85), (2, 4, 0x85))
    row = bytes([0]) + struct.pack("<IHii", WHEN, 500, semicircles(47.0), semicircles(8.0))
    assert read(tmp_path, fit(definition(GPS_METADATA, *fields) + row)) == [(0.5, 47.0)]


def test_a_camera_that_counts_from_when_it_was_switched_on_has_the_time_of_its_gps(tmp_path: Path) -> None:
    fields = ((253, 4, 0x86), (0, 2, 0x84), (1, 4, 0x85), (2, 4, 0x85), (6, 4, 0x86))
    row = bytes([0]) + struct.pack("<IHiiI", 120, 500, semicircles(47.0), semicircles(8.0), WHEN)
    assert read(tmp_path, fit(definition(GPS_METADATA, *fields) + row)) == [(0, 47.0)]


def test_a_camera_that_counts_from_when_it_was_switched_on_may_tell_when_that_was(tmp_path: Path) -> None:
    correlation = definition(CORRELATION, (253, 4, 0x86), (1, 4, 0x86)) + bytes([0])
    correlation += struct.pack("<II", WHEN + 5, 125)  # it was switched on two minutes before
    fields = ((253, 4, 0x86), (0, 2, 0x84), (1, 4, 0x85), (2, 4, 0x85), (3, 4, 0x86))
    rows = [
        bytes([0])
        + struct.pack("<IHiiI", 120 + n, 500, semicircles(47.0 + n / 10_000), semicircles(8.0), 2500)
        for n in range(3)
    ]
    told = fit(kind(ACTIVITY) + correlation + definition(GPS_METADATA, *fields) + b"".join(rows))
    assert read(tmp_path, told) == [(0.5, 47.0), (1.5, 47.0001), (2.5, 47.0002)]
    alone = fit(kind(ACTIVITY) + definition(GPS_METADATA, *fields) + rows[0])
    with pytest.raises(SourceError, match="not one point"):
        read(tmp_path, alone)


def test_a_planned_course_is_no_evidence(tmp_path: Path) -> None:
    body = definition(RECORD, *PLACE) + record(0, 47.0)
    with pytest.raises(SourceError, match="not one point"):
        read(tmp_path, fit(kind(COURSE) + body))
    assert read(tmp_path, fit(kind(ACTIVITY) + body)) == [(0, 47.0)]


def test_what_comes_before_the_damage_is_used(tmp_path: Path) -> None:
    whole = fit(definition(RECORD, *PLACE) + b"".join(record(60 * n, 47 + n / 100) for n in range(20)))
    (tmp_path / "a.fit").write_bytes(whole[: len(whole) // 2])
    problems: list[str] = []
    (track,) = load_tracks([tmp_path / "a.fit"], problems.append)
    assert 5 <= len(track.utc) < 20
    assert len(problems) == 1
    assert "cut or damaged" in problems[0]


@pytest.mark.parametrize("seed", range(60))
def test_no_damage_ends_in_anything_but_points_or_a_line(tmp_path: Path, seed: int) -> None:
    import random

    rng = random.Random(seed)
    whole = bytearray(fit(definition(RECORD, *PLACE) + b"".join(record(60 * n, 47.0) for n in range(20))))
    for _ in range(rng.randrange(1, 8)):
        whole[rng.randrange(14, len(whole))] = rng.randrange(256)
    (tmp_path / "a.fit").write_bytes(bytes(whole))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            (track,) = load_tracks([tmp_path / "a.fit"])
        except SourceError:
            return
    assert len(track.utc) >= 1


@pytest.mark.parametrize("length", [12, 13, 14, 15, 40, 60])
def test_a_file_whose_lengths_contradict_themselves_is_one_line(tmp_path: Path, length: int) -> None:
    whole = bytearray(fit(kind(ACTIVITY) + definition(RECORD, *PLACE) + record(0, 47.0) + record(1, 47.1)))
    whole[4:8] = struct.pack("<I", 20)
    (tmp_path / "a.fit").write_bytes(whole[:length])
    with pytest.raises(SourceError, match=r"a\.fit: "):
        load_tracks([tmp_path / "a.fit"])
