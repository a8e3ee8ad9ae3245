"""One odd value in one file never ends a run: the others are placed, and so is that photo where it can be."""

import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geotagger.archive import file_entry
from geotagger.errors import UnreadablePhotoError
from geotagger.index import Index, open_index
from geotagger.index.photos import Record
from geotagger.marks import Mark
from geotagger.metadata import Position
from geotagger.metadata.xmp import new_packet
from geotagger.model.pack import load_pack
from geotagger.photo import facts as photo_facts
from geotagger.photo.values import CaptureTime, Facts, GpsFix, NamedPlace
from geotagger.tag.network import Network
from geotagger.tag.options import TagOptions
from tests.commands import Geotagger
from tests.tag.scenes import Scene, walk_through_town
from tests.tag.test_crash import tag_scene
from tests.tag.test_pictures import colour_pack

TIMES_NS = [
    int(datetime(2262, 4, 12, tzinfo=UTC).timestamp()) * 10**9,
    int(datetime(2300, 1, 1, tzinfo=UTC).timestamp()) * 10**9,
    -int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 10**9,
]


def place_all(geotagger: Geotagger, scene: Scene) -> None:
    said = geotagger("tag", "--model", "none", "--json", scene.folder).by_name()
    assert {said[name]["status"] for name in scene.stripped} == {"written"}
    assert "kept" in geotagger("tag", "--model", "none", scene.folder).out


@pytest.mark.parametrize("time_ns", TIMES_NS)
def test_a_photo_from_the_far_future_is_placed_like_any_other(
    geotagger: Geotagger, tmp_path: Path, time_ns: int
) -> None:
    scene = walk_through_town(tmp_path / "photos", 6, size=32)
    for name in sorted(scene.truth)[2:4]:
        os.utime(scene.folder / name, ns=(time_ns, time_ns))
    place_all(geotagger, scene)


@pytest.mark.parametrize("time_ns", TIMES_NS[1:])
def test_a_sidecar_from_the_far_future_is_read(geotagger: Geotagger, tmp_path: Path, time_ns: int) -> None:
    scene = walk_through_town(tmp_path / "photos", 6, size=32)
    sidecar = scene.folder / f"{min(scene.truth)}.xmp"
    sidecar.write_bytes(new_packet(Position(1.0, 2.0, Mark("manual"))))
    os.utime(sidecar, ns=(time_ns, time_ns))
    place_all(geotagger, scene)


def tiff(width: int, height: int, kind: int) -> bytes:
    """A TIFF whose size is told in the type `kind` (4 LONG, 16 LONG8 with its value behind)."""
    at = 8 + 2 + 3 * 12 + 4
    entries = []
    for number, (tag, value) in enumerate([(0x100, width), (0x101, height)]):
        field = struct.pack("<I", value & 0xFFFFFFFF) if kind == 4 else struct.pack("<I", at + 8 * number)
        entries.append(struct.pack("<HHI", tag, kind, 1) + field)
    entries.append(struct.pack("<HHI", 0x103, 3, 1) + struct.pack("<HH", 1, 0))
    directory = struct.pack("<H", 3) + b"".join(entries) + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<QQ", width, height)


@pytest.mark.parametrize("edge", [2**64 - 1, 2**63, 2**32, 2**31])
@pytest.mark.parametrize("kind", [4, 16])
def test_a_tiff_as_wide_as_numbers_go_ends_no_run(
    geotagger: Geotagger, tmp_path: Path, edge: int, kind: int
) -> None:
    scene = walk_through_town(tmp_path / "photos", 6, size=32)
    (scene.folder / "wide.tif").write_bytes(tiff(edge, edge, kind))
    said = geotagger("tag", "--model", "none", "--json", scene.folder, code=None)
    assert said.code in (0, 1)
    assert {said.by_name()[name]["status"] for name in scene.stripped} == {"written"}


NUMBERS = st.integers() | st.sampled_from([2**63, 2**64 - 1, -(2**63) - 1, 2**200])
FLOATS = st.floats() | st.sampled_from([1e308, -0.0, 5e-324])
TEXTS = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(["\ud800", "\0", "'; drop table"])
MOMENTS = st.datetimes(timezones=st.none())
FACTS = st.builds(
    Facts,
    format=st.just("jpeg"),
    width=NUMBERS,
    height=NUMBERS,
    orientation=NUMBERS,
    taken=st.none()
    | st.builds(CaptureTime, MOMENTS, st.none() | st.timedeltas(timedelta(hours=-26), timedelta(hours=26))),
    gps_utc=st.none() | MOMENTS,
    camera=st.none() | TEXTS,
    fix=st.none()
    | st.builds(
        GpsFix,
        latitude=st.floats(-90, 90),
        longitude=st.floats(-180, 180),
        altitude_m=st.none() | FLOATS,
        error_m=st.none() | FLOATS,
        dop=st.none() | FLOATS,
        utc=st.none() | MOMENTS,
        mark=st.none() | st.builds(Mark, TEXTS, st.none() | FLOATS, st.none() | FLOATS, st.none() | TEXTS),
        dimensions=st.none() | NUMBERS,
    ),
    not_a_photo=st.none() | TEXTS,
    problems=st.lists(TEXTS, max_size=2).map(tuple),
    unreadable_position=st.none() | TEXTS,
    named=st.builds(NamedPlace, TEXTS, TEXTS, TEXTS),
)


@pytest.fixture(scope="module")
def shared_index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return open_index(tmp_path_factory.mktemp("index") / "index.db")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(told=FACTS, error=st.none() | TEXTS, changed_ns=NUMBERS)
def test_no_value_that_a_file_may_tell_is_too_odd_for_its_column(
    shared_index: Index, told: Facts, error: str | None, changed_ns: int
) -> None:
    folder = shared_index.path.parent
    photo = folder / "photo.jpg"
    photo.touch()
    os.utime(photo, ns=(0, max(-(2**60), min(changed_ns, 2**63))))
    root = shared_index.roots.root_for(str(folder))
    (photo_id,) = shared_index.photos.record(root, [Record(file_entry(str(photo)), told, error=error)])
    (known,) = shared_index.photos.get([photo_id])
    assert known.facts is not None
    assert (known.facts.taken, known.facts.gps_utc) == (told.taken, told.gps_utc)
    assert (known.facts.fix is None) == (told.fix is None)
    list(shared_index.photos.clocked(root.id))


def test_an_exception_that_nobody_foresaw_costs_one_photo_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    scene = walk_through_town(tmp_path / "photos", 6, size=32)
    plain = photo_facts.facts_of

    def falls(container: photo_facts.Container) -> Facts:
        if container.name == "IMG_0003.jpg":
            raise ZeroDivisionError("nobody foresaw this")
        return plain(container)

    monkeypatch.setattr(photo_facts, "facts_of", falls)
    tally = tag_scene(scene, tmp_path / "index.db")
    assert tally.statuses["failed"] == 1
    assert tally.statuses["written"] == len(scene.stripped) - 1


def test_pixels_that_nobody_foresaw_cost_one_photo_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(load_pack(colour_pack(tmp_path)), TagOptions(()), print)

    def falls(path: str, _: object) -> None:
        raise ZeroDivisionError(path)

    monkeypatch.setattr("geotagger.photo.pixels.read_unscaled", falls)
    with pytest.raises(UnreadablePhotoError, match=r"a\.jpg: it cannot be looked at \(ZeroDivisionError"):
        network.read("a.jpg")
