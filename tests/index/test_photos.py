import os
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geotagger.archive import FileEntry, walk
from geotagger.estimate.movement import GPS_ERROR_KM
from geotagger.estimate.values import Estimate, Posterior
from geotagger.index import Index, open_index
from geotagger.index.estimates import PhotoEstimate
from geotagger.index.facts_columns import from_row, to_row
from geotagger.index.photos import Record
from geotagger.index.roots import Root
from geotagger.marks import Mark
from geotagger.photo.values import CaptureTime, Facts, GpsFix

from .conftest import FACTS, estimate, make_photo

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
degrees = st.floats(-180, 180)
maybe_number = st.none() | st.floats(allow_nan=False, allow_infinity=False)
times = st.none() | st.datetimes(datetime(1, 1, 1))
marks = st.builds(
    Mark, text, maybe_number, maybe_number, st.none() | text, st.none() | text, st.none() | text
)
fixes = st.builds(
    GpsFix,
    st.floats(-90, 90),
    degrees,
    altitude_m=maybe_number,
    error_m=maybe_number,
    dop=maybe_number,
    utc=times,
    mark=st.none() | marks,
    dimensions=st.none() | st.integers(2, 3),
)
offsets = st.none() | st.integers(-14 * 60, 14 * 60).map(lambda minutes: timedelta(minutes=minutes))
all_facts = st.builds(
    Facts,
    text,
    st.integers(0, 1 << 40),
    st.integers(0, 1 << 40),
    st.integers(1, 8),
    taken=st.none() | st.builds(CaptureTime, st.datetimes(datetime(1, 1, 1)), offsets),
    gps_utc=times,
    camera=st.none() | text,
    fix=st.none() | fixes,
    not_a_photo=st.none() | text,
    problems=st.lists(text, max_size=3).map(tuple),
    software=text,
)

# every name a file system can hold: any bytes but / and NUL
names = st.binary(min_size=1, max_size=40).filter(
    lambda b: b"/" not in b and b"\0" not in b and b not in (b".", b"..")
)


@given(st.none() | all_facts)
def test_facts_survive_the_index(facts: Facts | None) -> None:
    assert from_row(to_row(facts)) == facts


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(names, min_size=1, max_size=3).map(b"/".join), min_size=1, max_size=5, unique=True))
def test_any_file_name_survives_the_index(paths: list[bytes]) -> None:
    with open_index(Path("unused"), mode="snapshot") as index:
        root = index.roots.root_for("/")
        full = [os.fsdecode(b"/" + path) for path in paths]
        ids = index.photos.record(root, [Record(FileEntry(path, 1, 2, 3, 4), FACTS) for path in full])
        assert [known.path for known in index.photos.get(ids)] == full
        assert sorted(known.path for known in index.photos.in_time(root.id)) == sorted(full)


def test_a_name_that_is_not_utf8_is_kept_as_its_bytes_and_others_as_text(index: Index, archive: Path) -> None:
    make_photo(Path(os.fsdecode(os.fsencode(archive) + b"/caf\xe9.jpg")))
    root = index.roots.root_for(str(archive))
    index.photos.record(root, [Record(entry, FACTS) for entry in walk([str(archive)])])
    kinds = dict(index.store.rows("select path, typeof(path) from photos"))
    assert kinds[b"caf\xe9.jpg"] == "blob"
    assert kinds["a.jpg"] == "text"
    known = index.photos.find(os.fsdecode(os.fsencode(archive) + b"/caf\xe9.jpg"))
    assert known is not None


def test_a_photo_is_recorded_once_and_keeps_its_number(index: Index, recorded: Root, archive: Path) -> None:
    known = index.photos.find(str(archive / "2023" / "b.jpg"))
    assert known is not None
    entry = next(e for e in walk([str(archive)]) if e.path == known.path)
    (again,) = index.photos.record(recorded, [Record(entry, error="cannot be read")])
    assert again == known.id
    changed = index.photos.find(known.path)
    assert changed is not None
    assert (changed.facts, changed.error) == (None, "cannot be read")


def test_photos_come_in_time_and_those_without_a_time_last(index: Index, archive: Path) -> None:
    root = index.roots.root_for(str(archive))
    entries = list(walk([str(archive)]))
    utcs = [300.0, None, -5.0, 300.0, None, 7.5]
    index.photos.record(root, [Record(e, FACTS, utc=u) for e, u in zip(entries, utcs, strict=True)])
    for chunk in (1, 2, 1000):
        seen = [known.utc for known in index.photos.in_time(root.id, chunk=chunk)]
        assert seen == [-5.0, 7.5, 300.0, 300.0, None, None]


def test_posteriors_come_back_as_they_were(index: Index, recorded: Root) -> None:
    model = index.runs.model_id("m", "1", "abc")
    assert index.runs.model_id("m", "1", "abc") == model
    photos = list(index.photos.in_time(recorded.id))
    posterior = Posterior(
        np.array([3, 1, 15_526], dtype=np.int32), np.array([0.5, 0.25, 1e-7], dtype=np.float32)
    )
    index.photos.put_posteriors(model, [(photos[0].id, posterior)])
    (known,) = index.photos.get([photos[0].id], model)
    assert known.posterior is not None
    assert known.posterior.classes.tolist() == [3, 1, 15_526]
    assert known.posterior.probabilities.tobytes() == posterior.probabilities.tobytes()
    other = index.runs.model_id("m", "2", "def")
    assert [known.posterior for known in index.photos.get([photo.id for photo in photos], other)] == [
        None
    ] * 6


def test_another_content_forgets_the_posterior_and_another_sidecar_does_not(
    index: Index, recorded: Root, archive: Path
) -> None:
    from geotagger.index.estimates import PhotoEstimate

    model = index.runs.model_id("m", "1", "abc")
    entries = list(walk([str(archive)]))
    photo = index.photos.find(entries[0].path)
    assert photo is not None
    index.photos.put_posteriors(
        model, [(photo.id, Posterior(np.arange(2, dtype=np.int32), np.ones(2, np.float32)))]
    )
    index.estimates.put(
        None,
        [
            PhotoEstimate(photo.id, estimate("visual")),
            PhotoEstimate(photo.id, estimate("camera"), written="camera"),
            PhotoEstimate(photo.id, estimate("manual")),
        ],
    )
    index.photos.record(recorded, [Record(entries[0], FACTS)], same_pixels=True)
    assert index.photos.get([photo.id], model)[0].posterior is not None
    assert {kept.estimate.rung for kept in index.estimates.of_photo(photo.id)} == {"visual", "manual"}
    index.photos.record(recorded, [Record(entries[0], FACTS)])
    assert index.photos.get([photo.id], model)[0].posterior is None
    assert {kept.estimate.rung for kept in index.estimates.of_photo(photo.id)} == {"manual"}


def test_fixes_are_the_cameras_own_and_the_owners(index: Index, archive: Path) -> None:
    root = index.roots.root_for(str(archive))
    entries = list(walk([str(archive)]))
    fixes = [
        GpsFix(1.0, 2.0, error_m=5.0),
        GpsFix(3.0, 4.0, mark=Mark("visual", 0.5)),
        GpsFix(5.0, 6.0, mark=Mark("manual")),
        None,
        GpsFix(0.0, 0.0),
        GpsFix(7.0, 8.0),
    ]
    index.photos.record(
        root,
        [
            Record(
                e,
                Facts("jpeg", 1, 1, camera="A" if n % 2 else None, fix=fix),
                utc=None if n == 5 else 100.0 - n,
            )
            for n, (e, fix) in enumerate(zip(entries, fixes, strict=True))
        ],
    )
    found = index.photos.fixes(root.id)
    assert found.latitude.tolist() == [0.0, 5.0, 1.0]
    assert found.utc.tolist() == [96.0, 98.0, 100.0]
    assert [found.cameras[number] for number in found.camera] == ["", "", ""]
    np.testing.assert_allclose(found.error_km, [GPS_ERROR_KM, GPS_ERROR_KM, 0.005])


def test_places_of_sidecars_and_of_the_owner_are_fixes_too(index: Index, archive: Path) -> None:
    root = index.roots.root_for(str(archive))
    entries = list(walk([str(archive)]))[:4]
    fixes = [GpsFix(1.0, 2.0, error_m=5.0), None, None, GpsFix(7.0, 8.0, error_m=5.0)]
    ids = index.photos.record(
        root,
        [
            Record(entry, Facts("jpeg", 1, 1, fix=fix), utc=100.0 + n)
            for n, (entry, fix) in enumerate(zip(entries, fixes, strict=True))
        ],
    )
    rungs = ("camera", "sidecar", "neighbours", "manual")
    index.estimates.put(
        None,
        [
            PhotoEstimate(photo_id, Estimate(10.0 * n, 20.0, 0.25, 1.0, rung, (rung,), ""))
            for n, (photo_id, rung) in enumerate(zip(ids, rungs, strict=True))
        ],
    )
    found = index.photos.fixes(root.id)
    assert found.keys.tolist() == [ids[0], ids[1], ids[3]]
    assert found.latitude.tolist() == [1.0, 10.0, 30.0]
    assert found.error_km.tolist() == [0.005, 0.25, 0.25]


def test_a_root_without_fixes_gives_empty_arrays(index: Index, recorded: Root) -> None:
    found = index.photos.fixes(recorded.id)
    assert found.keys.shape == found.latitude.shape == (0,)


def test_inode_numbers_of_64_bits_are_kept(index: Index, archive: Path) -> None:
    root = index.roots.root_for(str(archive))
    entry = FileEntry(str(archive / "x.jpg"), 1, 2, (1 << 64) - 3, 1 << 63)
    (photo_id,) = index.photos.record(root, [Record(entry, FACTS)])
    assert index.store.row("select inode, device from photos where id = ?", (photo_id,)) == (-3, -(1 << 63))


def test_text_of_a_photo_that_no_database_can_hold_is_replaced(index: Index, archive: Path) -> None:
    root = index.roots.root_for(str(archive))
    entry = next(walk([str(archive)]))
    facts = Facts("jpeg", 1, 1, camera="Can\udcffn", problems=("bad \ud800",))
    (photo_id,) = index.photos.record(root, [Record(entry, facts, error="\udcff")])
    assert index.photos.get([photo_id])[0].facts is not None


def test_going_through_an_archive_sorts_nothing(index: Index, recorded: Root) -> None:
    """What is read a chunk at a time must be found in order, or each chunk looks at every photo."""
    asked: list[str] = []
    index.store.connection.set_trace_callback(asked.append)
    for walk_through in (
        index.photos.in_time(recorded.id, chunk=2),
        index.photos.clocked(recorded.id, chunk=2),
        index.photos.clocked(recorded.id, placed=True, chunk=2),
    ):
        assert list(walk_through) is not None
    index.store.connection.set_trace_callback(None)
    statements = [sql.replace("Inf", "9e999") for sql in asked if sql.startswith("select")]
    assert len(statements) > 8
    for sql in statements:
        plan = " ".join(row[3] for row in index.store.rows(f"explain query plan {sql}"))
        assert "TEMP B-TREE" not in plan, sql
