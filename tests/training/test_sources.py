import bz2
import gzip
import sqlite3
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[train]'")

import pyarrow.parquet as pq  # noqa: E402

from geotagger.errors import SourceError, TrainingError, UsageError  # noqa: E402
from tests.training.places import jpeg, picture, style_of  # noqa: E402
from training.data import rows, yfcc  # noqa: E402
from training.data.rows import own_row  # noqa: E402
from training.data.sources import open_source  # noqa: E402


@pytest.fixture(scope="module")
def metadata(shared_data: Path) -> Path:
    return shared_data / "reference/yfcc100m/yfcc100m_1k.tsv"


def prepared(
    name: Path, folder: Path, *, min_accuracy: int = 1, excluded: frozenset[str] = frozenset()
) -> rows.RowsSummary:
    source = open_source(str(name), min_accuracy=min_accuracy)
    dropped: Counter[str] = Counter()
    return rows.prepare(source.batches(dropped), folder, dropped=dropped, excluded=excluded)


def row(number: int, **other: object) -> dict[str, object]:
    """One photo in San Francisco, in the 25-column form."""
    told = {
        "user": f"{number}@N01", "taken": f"2012-02-16 09:{number % 60:02}:37.0", "longitude": "-122.4194",
        "latitude": f"{37 + number / 1000:.4f}", "accuracy": "16", "marker": "0", "id": str(1000 + number),
        "hash": f"{number:032x}",
    }  # fmt: skip
    return told | other


def tsv(*photos: dict[str, object], columns: int = 25) -> str:
    names = yfcc._COMMONS if columns == 25 else yfcc._ORIGINAL
    return "".join("\t".join(str(photo.get(name, "")) for name in names) + "\n" for photo in photos)


def test_the_sample_has_141_geotagged_rows(metadata: Path, tmp_path: Path) -> None:
    summary = prepared(metadata, tmp_path)
    assert summary.read == 1000
    assert sum(summary.kept.values()) == 141
    assert summary.dropped == {"video": 3, "no coordinates": 856}


def test_every_form_of_the_metadata_gives_the_same_photos(metadata: Path, tmp_path: Path) -> None:
    data = metadata.read_bytes()
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(data))
    (tmp_path / "a.tsv.bz2").write_bytes(bz2.compress(data))
    with pa.output_stream(str(tmp_path / "a.tsv.zst"), compression="zstd") as file:
        file.write(data)
    columns = [line.split("\t") for line in data.decode().splitlines()]
    original = "\n".join("\t".join([c[1], *c[3:]]) for c in columns)
    (tmp_path / "original.tsv").write_text(original)
    with sqlite3.connect(tmp_path / "a.sql") as db:
        names = [yfcc._IN_SQLITE.get(name, name) for name in yfcc._ORIGINAL]
        db.execute(f"CREATE TABLE yfcc100m_dataset ({', '.join(names)})")
        marks = ", ".join("?" * len(names))
        db.executemany(f"INSERT INTO yfcc100m_dataset VALUES ({marks})", [[c[1], *c[3:]] for c in columns])
    db.close()
    wanted = prepared(metadata, tmp_path / "plain")
    places = pq.read_table(tmp_path / "plain/photos.parquet").drop_columns(["address"])
    for name in ("a.tsv.gz", "a.tsv.bz2", "a.tsv.zst", "original.tsv", "a.sql"):
        assert prepared(tmp_path / name, tmp_path / "out") == wanted, name
        assert pq.read_table(tmp_path / "out/photos.parquet").drop_columns(["address"]) == places, name


def test_images_lie_where_multimedia_commons_keeps_them(metadata: Path, tmp_path: Path) -> None:
    prepared(metadata, tmp_path)
    addresses = pq.read_table(tmp_path / "photos.parquet")["address"].to_pylist()
    assert "data/images/4e2/f7a/4e2f7a26a1dfbf165a7e30bdabf7e72a.jpg" in addresses


def test_text_is_decoded(metadata: Path, tmp_path: Path) -> None:
    prepared(metadata, tmp_path)
    credits = pq.read_table(tmp_path / "photos.parquet")["credit"].to_pylist()
    assert "Images from the intersection of Parliament and Queen, 2013 10 09 (3) (booledozer)" in credits


def test_every_reason_to_leave_a_photo_out_is_counted(tmp_path: Path) -> None:
    photos = [
        row(1),
        row(2),
        row(3, latitude="91.0"),
        row(4, latitude="0.0", longitude="0.0"),
        row(5, accuracy="3"),
        row(6, marker="1"),
        row(7, latitude="", longitude=""),
        row(8, latitude="north"),
        row(2),
        row(1, id="77", taken="2012-02-16 09:01:59.0"),
        row(9, id="104123223"),
    ]
    (tmp_path / "a.tsv").write_text(tsv(*photos))
    (tmp_path / "list.csv").write_text("image,latitude\n104123223_7410c654ba_19_1@N00.jpg,1\n")
    excluded = rows.excluded_ids([tmp_path / "list.csv"])
    summary = prepared(tmp_path / "a.tsv", tmp_path, min_accuracy=12, excluded=excluded)
    assert summary.dropped == {
        "coordinates out of range": 1,
        "coordinates 0,0": 1,
        "accuracy below 12": 1,
        "video": 1,
        "no coordinates": 2,
        "duplicate photo": 1,
        "same user, place and minute": 1,
        "in a list to exclude": 1,
    }
    assert sum(summary.kept.values()) == 2
    assert summary.read == len(photos)


def test_a_photographer_is_in_one_split_only_and_always_in_the_same(tmp_path: Path) -> None:
    photos = [row(n, user=f"{n % 40}@N01") for n in range(400)]
    (tmp_path / "a.tsv").write_text(tsv(*photos))
    (tmp_path / "b.tsv").write_text(tsv(*reversed(photos[:200])))
    prepared(tmp_path / "a.tsv", tmp_path / "a")
    prepared(tmp_path / "b.tsv", tmp_path / "b")
    split_of: dict[str, str] = {}
    for name in ("a", "b"):
        table = pq.read_table(tmp_path / name / "photos.parquet")
        for user, split in zip(table["user"].to_pylist(), table["split"].to_pylist(), strict=True):
            assert split_of.setdefault(user, split) == split
    assert set(split_of.values()) == {"train", "val", "test"}


def test_shares_of_photographers_come_out() -> None:
    splits = Counter(rows.splits_of([f"user {n}" for n in range(20_000)], rows.Shares(0.1, 0.05)))
    assert splits["val"] / 20_000 == pytest.approx(0.1, abs=0.01)
    assert splits["test"] / 20_000 == pytest.approx(0.05, abs=0.01)


def test_the_list_is_the_same_in_one_part_or_many(metadata: Path, tmp_path: Path) -> None:
    def made(parts: int) -> set[str]:
        dropped: Counter[str] = Counter()
        batches = open_source(str(metadata)).batches(dropped)
        rows.prepare(batches, tmp_path, dropped=dropped, expected_rows=parts * rows._ROWS_A_PART)
        return {str(photo) for photo in pq.read_table(tmp_path / "photos.parquet").to_pylist()}

    assert made(1) == made(7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos.json", "photos.parquet"]


def test_lists_as_csv_and_parquet_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "Image,LAT,LON,User\nx/1.jpg,10.5,20.5,ann\n/y/2.jpg,-11,21,bob\n3.jpg,,1,c\n"
    )
    table = pa.table(
        {"path": ["x/1.jpg", "/y/2.jpg", "3.jpg"], "latitude": [10.5, -11, None], "longitude": [20.5, 21, 1],
         "user": ["ann", "bob", "c"]}
    )  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        summary = prepared(tmp_path / name, tmp_path / "out")
        found = {r["key"]: r for r in pq.read_table(tmp_path / "out/photos.parquet").to_pylist()}
        assert set(found) == {"x/1.jpg", "/y/2.jpg"}
        assert found["x/1.jpg"]["address"] == str(tmp_path / "x/1.jpg")
        assert found["/y/2.jpg"]["address"] == "/y/2.jpg"
        assert (found["/y/2.jpg"]["latitude"], found["/y/2.jpg"]["user"]) == (-11, "bob")
        assert summary.dropped == {"no coordinates": 1}


def test_a_folder_gives_what_cameras_recorded(tmp_path: Path) -> None:
    import numpy as np

    shot = picture(style_of(0), np.random.default_rng(0))
    photos = tmp_path / "photos"
    photos.mkdir()
    for day in range(30):
        (photos / f"{day}.jpg").write_bytes(jpeg(shot, 48.5, 2.25, day))
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe1no photo at all")
    shot.save(photos / "no-gps.jpg")
    summary = prepared(photos, tmp_path / "out")
    assert summary.dropped == {"no coordinates": 1, "unreadable photo": 1}
    table = pq.read_table(tmp_path / "out/photos.parquet")
    assert set(np.round(table["latitude"].to_numpy(), 4)) == {48.5}
    assert "day 2024-01-05" in table["user"].to_pylist()


def test_a_burst_of_one_owner_is_kept() -> None:
    first = own_row("/a.jpg", "a", 1.0, 2.0, datetime(2024, 1, 1, 12, 0, 1))
    second = own_row("/b.jpg", "b", 1.0, 2.0, datetime(2024, 1, 1, 12, 0, 2))
    assert first["user"] == second["user"]
    assert first["taken"] != second["taken"]


@pytest.mark.parametrize("lost", [1, 2, 40, 200])
def test_metadata_cut_in_mid_row_is_told(metadata: Path, tmp_path: Path, lost: int) -> None:
    (tmp_path / "cut.tsv").write_bytes(metadata.read_bytes().rstrip(b"\n")[:-lost])
    with pytest.raises(SourceError, match=r"cut in mid-row: row 1,000, the last, .*fetch the file again"):
        prepared(tmp_path / "cut.tsv", tmp_path)
    assert not (tmp_path / "photos.parquet").exists()


@pytest.mark.parametrize("ending", ["gz", "bz2", "zst"])
def test_a_compressed_file_that_breaks_off_is_told(metadata: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"cut.tsv.{ending}"
    with pa.output_stream(str(path), compression={"gz": "gzip", "zst": "zstd"}.get(ending, ending)) as file:
        file.write(metadata.read_bytes())
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(SourceError, match=r"fetch the file again"):
        prepared(path, tmp_path)


def test_a_bad_row_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(tsv(row(1), row(2)) + "half a row\twithout its end\n" + tsv(row(3)))
    assert prepared(tmp_path / "a.tsv", tmp_path).dropped == {"malformed row": 1}


def read(path: Path) -> tuple[list[dict[str, object]], Counter[str]]:
    dropped: Counter[str] = Counter()
    return [one for batch in open_source(str(path)).batches(dropped) for one in batch.to_pylist()], +dropped


@pytest.mark.parametrize(
    "column", ["id", "user", "nickname", "taken", "title", "latitude", "licence", "hash"]
)
def test_a_row_of_metadata_that_is_no_text_is_passed_over_and_counted(tmp_path: Path, column: str) -> None:
    path = tmp_path / "yfcc.tsv"
    bad = tsv(row(2, **{column: "@"})).encode().replace(b"@\t", b"\xff\t")
    path.write_bytes(tsv(row(1)).encode() + bad + tsv(row(3)).encode())
    rows_read, dropped = read(path)
    assert [one["key"] for one in rows_read] == ["1001", "1003"]
    assert dropped == {"text that is not UTF-8": 1}


@pytest.mark.parametrize("image", ["../../../etc/passwd", "/etc/passwd", "ab", "0" * 65, "0" * 31 + "\0"])
def test_a_hash_that_would_lead_elsewhere_is_passed_over_and_counted(tmp_path: Path, image: str) -> None:
    path = tmp_path / "yfcc.tsv"
    path.write_text(tsv(row(1), row(2, hash=image)))
    rows_read, dropped = read(path)
    assert [one["key"] for one in rows_read] == ["1001"]
    assert dropped == {"no hash of an image": 1}


@pytest.mark.parametrize("latitude", ["9e99999", "1e-99999", "nan", "inf", "0x10", "1_0", "--1", "999"])
def test_an_odd_number_in_metadata_costs_its_own_row(tmp_path: Path, latitude: str) -> None:
    path = tmp_path / "yfcc.tsv"
    path.write_text(tsv(row(1), row(2, latitude=latitude), row(3)))
    assert sum(prepared(path, tmp_path / "out").kept.values()) == 2


def test_rows_of_lists_that_are_no_text_are_passed_over_and_counted(tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_bytes(b"path,latitude,longitude\na.jpg,1,2\n\xff.jpg,1,2\nb.jpg,3,4\n")
    rows_read, dropped = read(listed)
    assert [one["key"] for one in rows_read] == ["a.jpg", "b.jpg"]
    assert dropped == {"text that is not UTF-8": 1}
    offsets = pa.array(["abcd", "efgh"]).buffers()[1]
    names = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"abcd\xff\xfegh")])
    pq.write_table(pa.table({"path": names, "lat": [1.0, 2.0], "lng": [3.0, 4.0]}), tmp_path / "a.parquet")
    rows_read, dropped = read(tmp_path / "a.parquet")
    assert [one["key"] for one in rows_read] == ["abcd"]
    assert dropped == {"text that is not UTF-8": 1}
    pq.write_table(pa.table({"path": [["a"]], "lat": [1.0], "lng": [3.0]}), tmp_path / "b.parquet")
    with pytest.raises(SourceError, match=r"b\.parquet: its column path holds list"):
        read(tmp_path / "b.parquet")


def test_a_csv_cut_in_mid_row_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path,latitude,longitude\n1.jpg,1,2\n2.jpg,3\n")
    with pytest.raises(SourceError, match=r"row 3 has 2 of 3 columns: cut in mid-row"):
        prepared(tmp_path / "a.csv", tmp_path)


def test_a_parquet_file_that_is_cut_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": ["a"], "latitude": [1.0], "longitude": [2.0]}), tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-10])
    with pytest.raises(SourceError, match="cut or damaged"):
        prepared(tmp_path / "a.parquet", tmp_path)


def test_nothing_left_after_filtering_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(tsv(*(row(n, accuracy="1") for n in range(9))))
    with pytest.raises(TrainingError, match="no photo is left to train on: 9 accuracy below 16"):
        prepared(tmp_path / "a.tsv", tmp_path, min_accuracy=16)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "hello\nworld\n", "neither a list with columns"),
        ("a.csv", "", "is empty"),
        ("b.csv", "path,lat\n1,2\n", "neither a list with columns"),
    ],
)
def test_what_is_no_source_is_told(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceError, match=message):
        open_source(str(tmp_path / name))


def test_a_source_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder or file"):
        open_source(str(tmp_path / "nothing"))
