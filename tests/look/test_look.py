import json
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
import pyarrow.parquet as pq  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as arrays  # noqa: E402

from geotagger.engine.values import Outputs  # noqa: E402
from geotagger.errors import SourceError  # noqa: E402
from geotagger.look import looking, photos  # noqa: E402
from geotagger.look.rows import Look, Shape, looks, read_rows, write_rows  # noqa: E402
from geotagger.model.pack import load_pack  # noqa: E402
from tests.commands import Geotagger  # noqa: E402
from tests.tag.test_pictures import colour_pack, pictures  # noqa: E402

FIELDS = ("status", "reason", "latitude", "longitude", "radius_km", "confidence", "rung", "cell")


def estimates(geotagger: Geotagger, *words: Any) -> dict[str, tuple[Any, ...]]:
    said = geotagger("tag", *words, "--write", "none", "--json").by_name()
    return {name: tuple(row[field] for field in FIELDS) for name, row in said.items()}


def test_parts_looked_at_in_any_order_give_the_plain_runs_estimates(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    pack, folder, out = colour_pack(tmp_path), pictures(tmp_path / "photos", 12), tmp_path / "looked"
    plain = estimates(geotagger, folder, "--model", pack, "--index", tmp_path / "plain.db")
    assert sum(row[0] == "indexed" for row in plain.values()) >= 12
    for part in (3, 1, 2):
        geotagger("look", folder, "--model", pack, "--out", out, "--part", f"{part}/3")
    merged = estimates(geotagger, folder, "--model", pack, "--looked", out, "--index", tmp_path / "merged.db")
    assert merged == plain
    again = geotagger("tag", folder, "--model", pack, "--looked", out, "--write", "none", "--profile")
    assert "looked at before: 36 photos taken in, 0 changed since, 0 not here" in again.err
    assert "reading and decoding" not in again.err, "nothing was looked at twice"


def test_what_was_looked_at_is_not_looked_at_again(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder, out = colour_pack(tmp_path), pictures(tmp_path / "photos", 6), tmp_path / "looked"
    first = json.loads(geotagger("look", folder, "--model", pack, "--out", out, "--json").out)
    again = json.loads(geotagger("look", folder, "--model", pack, "--out", out, "--json").out)
    assert (first["kept"], again["kept"], again["seen"]) == (0, first["seen"], 0)
    assert first["seen"] >= 6
    assert len(list(out.iterdir())) == 1


def test_a_photo_whose_decoding_fails_in_a_way_nobody_foresaw_is_one_row_and_the_rest_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = photos.read_unscaled

    def read_unscaled(path: str, *rest: Any) -> Any:
        if path.endswith("green-0.jpg"):
            raise OverflowError("a fault of ours")
        return sound(path, *rest)

    monkeypatch.setattr(photos, "read_unscaled", read_unscaled)
    pack, folder, out = (
        load_pack(colour_pack(tmp_path)),
        pictures(tmp_path / "photos", each=1),
        tmp_path / "out",
    )
    how = {"note": lambda _: None, "advance": lambda _: None, "stop": Event()}
    looked = looking.look(str(folder), pack, out, photos.LookOptions(), **how)
    assert (looked.seen, looked.unreadable) == (2, 1)
    rows = [row for file in out.glob("*.parquet") for row in read_rows(file, Shape(3, 0, 3))]
    errors = {row.path: row.error for row in rows if row.error}
    assert list(errors) == [b"green-0.jpg"]
    assert "OverflowError: a fault of ours" in str(errors[b"green-0.jpg"])


def test_a_photo_that_changed_or_that_no_row_has_is_looked_at_by_tag(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    pack, folder, out = colour_pack(tmp_path), pictures(tmp_path / "photos", 6), tmp_path / "looked"
    geotagger("look", folder, "--model", pack, "--out", out, "--part", "1/2")
    changed = next(iter(sorted(folder.rglob("*.jpg"))))
    changed.write_bytes(sorted(folder.rglob("*.jpg"))[-1].read_bytes())
    plain = estimates(geotagger, folder, "--model", pack, "--index", tmp_path / "plain.db")
    merged = estimates(geotagger, folder, "--model", pack, "--looked", out, "--index", tmp_path / "merged.db")
    assert merged == plain


def test_rows_of_another_model_are_refused(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder, out = colour_pack(tmp_path), pictures(tmp_path / "photos", 2), tmp_path / "looked"
    out.mkdir()
    write_rows(out, "a", [], {"model": "other", "name": "other"})
    said = geotagger("tag", folder, "--model", pack, "--looked", out, code=2)
    assert "was looked at by another model (other)" in said.err


def row_of(probabilities: np.ndarray) -> Look:
    (row,) = looks(Outputs(probabilities[None], None), features=False)
    return replace(row, path=b"a.jpg", size=1, mtime_ns=2)


@given(arrays.arrays(np.float32, 40, elements=st.floats(0, 1, width=32)))
def test_probabilities_come_back_to_a_ten_thousandth(weights: np.ndarray) -> None:
    probabilities = (weights + np.float32(1e-6)) / (weights + np.float32(1e-6)).sum()
    row = row_of(probabilities)
    assert abs(float(row.probabilities.sum()) + row.left_out - 1) < 1e-4
    np.testing.assert_allclose(row.whole(np.full(40, 1 / 40)), probabilities, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"path": b"/etc/passwd"}, "names no file below"),
        ({"path": b"a/../../b.jpg"}, "names no file below"),
        ({"classes": [0, 9]}, "classes that the model does not have"),
        ({"classes": [1, 1]}, "or one twice"),
        ({"classes": [-1, 2]}, "classes that the model does not have"),
        ({"classes": [1]}, "1 classes and 2 probabilities"),
        ({"probabilities": [0.5, float("nan")]}, "probabilities that are none"),
        ({"probabilities": [1.5, -0.5]}, "probabilities that are none"),
        ({"probabilities": [float("inf"), float("-inf")]}, "probabilities that are none"),
        ({"probabilities": [0.9, 0.9]}, "probabilities that are none"),
        ({"probabilities": None}, "has no probabilities"),
        ({"mtime_ns": None}, "has no size or time"),
        ({"path": b""}, "names no file below"),
        ({"path": b"a\0.jpg"}, "names no file below"),
        ({"left_out": None}, "has no probabilities"),
        ({"left_out": float("nan")}, "probabilities that are none"),
        ({"classes": [0, None]}, "has no probabilities"),
        ({"points": [3], "point_probabilities": []}, "places of a gallery without"),
        ({"points": [10], "point_probabilities": [0.5]}, "places that the model's gallery does not have"),
        ({"points": [3, 3], "point_probabilities": [0.1, 0.1]}, "or one twice"),
        ({"points": [3], "point_probabilities": [float("inf")]}, "probabilities of places that are none"),
        ({"points": [3, 4], "point_probabilities": [0.9, 0.9]}, "probabilities of places that are none"),
        ({"features": b"abc"}, "features that the model does not give"),
        ({"features": np.array([1, 2, np.nan], "<f2").tobytes()}, "features that the model does not give"),
    ],
)
def test_a_row_that_cannot_be_is_refused_by_file_and_number(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    good = row_of(np.array([0.5, 0.5, 0, 0], np.float32))
    path = write_rows(tmp_path, "rows", [good, good], {"model": "m"})
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[1] |= changes
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    with pytest.raises(SourceError, match=r"rows-\w+\.parquet: row 2") as refused:
        list(read_rows(path, Shape(4, 10, 3)))
    assert told in str(refused.value)


def test_a_file_that_is_cut_is_one_line(tmp_path: Path) -> None:
    row = row_of(np.array([0.5, 0.5], np.float32))
    path = write_rows(tmp_path, "rows", [row], {"model": "m"})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"^[^\n]*\.parquet: cannot be read[^\n]*$"):
        list(read_rows(path, Shape(2)))
