"""What a model saw of photos is kept beside the index: later runs compare it and look at nothing again."""

from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geotagger.estimate.reference import spread_out
from geotagger.estimate.values import Posterior
from geotagger.index.photos import IndexedPhoto
from geotagger.look.rows import Shape, about_file, read_rows, write_rows
from geotagger.model.pack import load_pack
from geotagger.tag.kept_features import KeptFeatures
from tests.commands import Geotagger
from tests.evaluate.test_equality import gallery_photos
from tests.model import embedders
from tests.tag.scenes import START, exif_of
from tests.tag.test_pictures import colour_photo

FIELDS = ("latitude", "longitude", "radius_km", "confidence")


def places(geotagger: Geotagger, folder: Path, *words: object) -> dict[str, list[Any]]:
    said = geotagger("tag", folder, "--write", "none", "--json", *words)
    return {name: [one[field] for field in FIELDS] for name, one in said.by_name().items()}


def lay_out(tmp_path: Path) -> tuple[Path, Path]:
    """A pack that asks for the owner's photos as reference, and photos of which every third has no place."""
    pack = embedders.installed(tmp_path / "model", reference=True)
    folder = gallery_photos(tmp_path / "photos")
    for n, path in enumerate(sorted(folder.iterdir())):
        if n % 3 == 1:
            taken = exif_of(START + timedelta(days=n // 4, minutes=37 * (n % 4)), None)
            Image.open(path).save(path, exif=taken, quality="keep")
    return pack, folder


def looked_at(folder: Path) -> int:
    """Rows that are kept of photos that were looked at to be placed."""
    return sum(file.stat().st_size // 8 for file in folder.glob("index-features/*/seen.names"))


def test_later_runs_weigh_what_earlier_ones_saw(tmp_path: Path) -> None:
    pack, folder = lay_out(tmp_path)
    geotagger, anew = Geotagger(tmp_path / "one"), Geotagger(tmp_path / "other")
    for one in (geotagger, anew):
        one.home.mkdir()
    before = places(geotagger, folder, "--model", pack)
    seen = looked_at(geotagger.home)
    assert seen == 7
    lat, lng = embedders.gallery_places()[0]
    late = exif_of(START + timedelta(minutes=20), (lat + 0.002, lng))
    (folder / "late.jpg").write_bytes(colour_photo((90, 120, 40), late))
    now = places(geotagger, folder, "--model", pack)
    assert looked_at(geotagger.home) == seen
    whole = places(anew, folder, "--model", pack)
    # the photo beside the new one; other days wait for news of their own
    assert now["01.jpg"] == pytest.approx(whole["01.jpg"], rel=1e-6)
    assert now["01.jpg"] != before["01.jpg"]
    (why,) = geotagger("why", folder / "01.jpg", "--model", pack, "--json").records
    assert [why[field] for field in FIELDS] == pytest.approx(now["01.jpg"], rel=1e-6)


def test_the_pack_asks_for_references_and_their_cost_is_said(tmp_path: Path) -> None:
    pack, folder = lay_out(tmp_path)
    geotagger = Geotagger(tmp_path)
    said = geotagger("tag", folder, "--model", pack, "--dry-run")
    assert "compared with 13 of your geotagged ones; 13 of these are looked at for that, once" in said.err
    assert (
        "compared" not in geotagger("tag", folder, "--model", pack, "--dry-run", "--without", "reference").err
    )
    other = embedders.installed(tmp_path / "other", name="plain")
    assert "compared" not in geotagger("tag", folder, "--model", other, "--dry-run").err
    assert not (tmp_path / "index-features").exists()


def test_where_too_few_know_their_place_none_is_looked_at_for_that(tmp_path: Path) -> None:
    pack, folder = lay_out(tmp_path)
    for name in sorted(path.name for path in folder.iterdir())[3:]:
        (folder / name).unlink()
    geotagger = Geotagger(tmp_path)
    said = geotagger("tag", folder, "--model", pack).err
    assert "geotagger: reference: too few photos know where they were taken" in said
    assert "looked at for that" not in said
    why = geotagger("why", min(folder.iterdir()), "--model", pack)
    assert "reference: of your geotagged photos nothing is kept to compare with" in why.err


def test_what_places_say_can_be_left_out(tmp_path: Path) -> None:
    pack, folder = lay_out(tmp_path)
    geotagger = Geotagger(tmp_path)
    with_places = places(geotagger, folder, "--model", pack, "--without", "reference")
    without = places(
        geotagger, folder, "--model", pack, "--without", "reference", "--without", "known-places", "--again"
    )
    assert with_places.keys() == without.keys()
    assert with_places != without


SAID = Posterior(np.array([3, 1], np.int32), np.array([0.6, 0.3], np.float32))


def photo(number: int, root: int = 1, posterior: Posterior | None = SAID) -> IndexedPhoto:
    """As far as what is kept asks of it."""
    path = f"/photos/{number}.jpg"
    plain: dict[str, Any] = dict.fromkeys(field.name for field in fields(IndexedPhoto))
    return IndexedPhoto(**plain | {"id": number, "root_id": root, "path": path, "posterior": posterior})


def row_of(kept: KeptFeatures, one: IndexedPhoto) -> list[float]:
    row = kept.of(one)
    assert row is not None
    return [float(number) for number in row]


def test_rows_come_back_and_the_later_counts(tmp_path: Path) -> None:
    rng, notes = np.random.default_rng(0), list[str]()
    rows = rng.normal(size=(30, 5)).astype(np.float16)
    kept = KeptFeatures(tmp_path, "model", 5, notes.append, writes=True)
    for n in range(20):
        kept.put(photo(n % 17, root=1 + n % 2), SAID, rows[n])
    kept.flush()
    kept.put(photo(1, root=2), SAID, rows[29])
    kept.flush()
    again = KeptFeatures(tmp_path, "model", 5, notes.append, writes=False)
    assert row_of(again, photo(4, root=1)) == (rows[4]).tolist()
    assert row_of(again, photo(1, root=2)) == (rows[29]).tolist()
    assert again.of(photo(4, root=2)) is None
    assert again.of(photo(99)) is None
    assert not notes


def test_what_a_killed_run_left_half_written_is_passed_over(tmp_path: Path) -> None:
    kept = KeptFeatures(tmp_path, "model", 5, print, writes=True)
    kept.put(photo(1), SAID, np.arange(5.0))
    kept.flush()
    with (tmp_path / "1-model" / "seen.features").open("ab") as file:
        file.write(b"half")
    with (tmp_path / "1-model" / "seen.names").open("ab") as file:
        file.write(b"1234567890")
    kept = KeptFeatures(tmp_path, "model", 5, print, writes=True)
    kept.put(photo(2), SAID, 10 + np.arange(5.0))
    kept.flush()
    kept = KeptFeatures(tmp_path, "model", 5, print, writes=True)
    assert row_of(kept, photo(1)) == (np.arange(5.0)).tolist()
    assert row_of(kept, photo(2)) == (10 + np.arange(5.0)).tolist()


def test_a_folder_that_cannot_be_written_is_noted_once(tmp_path: Path) -> None:
    (tmp_path / "1-model").write_text("no folder")
    notes: list[str] = []
    kept = KeptFeatures(tmp_path, "model", 5, notes.append, writes=True)
    for n in range(3):
        kept.put(photo(n), SAID, np.arange(5.0))
        kept.flush()
    assert len(notes) == 1
    assert str(tmp_path / "1-model") in notes[0]


def test_what_was_seen_of_another_picture_counts_no_longer(tmp_path: Path) -> None:
    pack, folder = lay_out(tmp_path)
    geotagger, anew = Geotagger(tmp_path / "one"), Geotagger(tmp_path / "other")
    for one in (geotagger, anew):
        one.home.mkdir()
    words = ("--model", pack, "--without", "reference")
    places(geotagger, folder, *words)
    taken = exif_of(START + timedelta(minutes=37), None)
    (folder / "01.jpg").write_bytes(colour_photo((250, 10, 10), taken))
    places(geotagger, folder, *words, "--without", "known-places")
    now = places(geotagger, folder, *words, "--again")
    whole = places(anew, folder, *words, "--without", "known-places")
    assert now["01.jpg"] == pytest.approx(whole["01.jpg"], rel=1e-6)


def test_a_dry_run_weighs_what_was_looked_at_elsewhere_as_a_run_does(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    pack, folder = lay_out(tmp_path)
    geotagger = Geotagger(tmp_path)
    geotagger("look", folder, "--out", tmp_path / "rows", "--model", pack)
    words = ("--model", pack, "--looked", tmp_path / "rows")
    assert places(geotagger, folder, *words, "--dry-run") == places(geotagger, folder, *words)


def test_of_a_photo_that_was_looked_at_twice_the_row_with_features_counts(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    pack, folder = lay_out(tmp_path)
    geotagger, rows = Geotagger(tmp_path), tmp_path / "rows"
    geotagger("look", folder, "--out", rows, "--model", pack)
    (file,) = rows.glob("*.parquet")
    plain = [replace(row, features=None) for row in read_rows(file, Shape.of(load_pack(pack)))]
    about = {name: word for name, word in about_file(file).items() if name in ("model", "name")}
    write_rows(rows, "earlier", plain, {**about, "features": "no"})
    places(geotagger, folder, "--model", pack, "--looked", rows)
    assert looked_at(geotagger.home) == 7


def test_of_too_many_photos_every_place_keeps_some() -> None:
    lat, lng = np.repeat([10.0, 20.0, 30.0], [90, 8, 2]), np.zeros(100)
    rows = spread_out(lat, lng, most=12)
    assert [int(np.sum(lat[rows] == place)) for place in (10.0, 20.0, 30.0)] == [5, 5, 2]
    assert (np.diff(rows) > 0).all()
    assert len(spread_out(lat, lng, most=100)) == 100
