import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from geotagger.cells import CellTable, centres, ids_of_tokens, leaf_ids, parents
from geotagger.errors import SourceError
from geotagger.estimate.picture_ratios import PictureRatios
from training.accuracy import PUBLISHED, ceilings, fit_temperature, published_for, score
from training.pack.evaluate import ceiling_report, load_labels

# FACTS.md: % within 1 / 25 / 200 / 750 / 2500 km; truth's own cell, nearest class position
CEILINGS = {
    "im2gps-237": ((37.1, 77.6, 92.4, 93.7, 94.1), (40.1, 83.1, 97.5, 100, 100)),
    "im2gps3k": ((41.6, 78.7, 94.7, 95.7, 95.7), (43.1, 83.1, 99.1, 100, 100)),
    "yfcc26k": ((42.6, 88.0, 95.8, 96.2, 96.2), (44.7, 92.2, 99.6, 100, 100)),
}


@pytest.fixture(scope="module")
def published_cells(shared_data: Path) -> CellTable:
    lines = (shared_data / "reference/rn101-5k500/grids.txt").read_text().splitlines()
    rows = [line.split() for line in lines]
    lat, lng = (np.array([float(row[i]) for row in rows]) for i in (1, 2))
    return CellTable(ids_of_tokens(row[0] for row in rows), lat, lng)


@pytest.mark.parametrize("name", CEILINGS)
def test_oracle_ceilings_are_those_of_facts(name: str, published_cells: CellTable, shared_data: Path) -> None:
    labels = load_labels(shared_data / f"reference/testsets/{name}.csv")
    report = ceiling_report(published_cells, labels, "rn101-5k500")
    found = tuple(tuple(round(p, 1) for p in s.percent) for s in report.ceilings.values())
    assert found == CEILINGS[name]


def test_every_published_row_of_facts_is_there() -> None:
    assert PUBLISHED["im2gps"]["RN101-5k500"] == (16.8, 39.2, 48.9, 67.9, 82.2)
    assert published_for("im2gps-237") == PUBLISHED["im2gps"]
    assert published_for("Im2GPS3k") == PUBLISHED["im2gps3k"]
    assert published_for("Placing 2016") == PUBLISHED["placing2016"]
    assert published_for("my own") == {}


def test_intervals_are_those_of_a_plain_bootstrap() -> None:
    errors = np.random.default_rng(3).lognormal(5, 2.5, 400)
    found = score(errors)
    rng = np.random.default_rng(0)
    resampled = errors[rng.integers(0, 400, (4000, 400))]
    for km, (low, high) in zip((1, 25, 200, 750, 2500), found.intervals, strict=True):
        wanted = np.percentile(100 * (resampled <= km).mean(axis=1), [2.5, 97.5])
        assert (low, high) == pytest.approx(tuple(wanted), abs=0.8)
    wanted = np.percentile(np.median(resampled, axis=1), [2.5, 97.5])
    assert found.median_interval == pytest.approx(tuple(wanted), rel=0.1)
    assert found.median_km == pytest.approx(np.median(errors))


def test_geoscore_is_5000_for_the_truth_and_falls_with_distance() -> None:
    assert score(np.zeros(3)).geoscore == pytest.approx(5000)
    assert score(np.full(3, 1492.7)).geoscore == pytest.approx(5000 / np.e)
    assert score(np.array([np.inf])).geoscore == 0


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_is_found(true: float) -> None:
    rng = np.random.default_rng(0)
    table = twelve_cells()
    logits = rng.normal(0, 3, (4000, 12))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = np.array([rng.choice(12, p=p) for p in honest])
    stated = honest**true
    stated /= stated.sum(axis=1, keepdims=True)
    said = PictureRatios(stated.astype(np.float32), table)
    temperature, before, after = fit_temperature(said, table, table.lat[classes], table.lng[classes])
    assert temperature == pytest.approx(true, rel=0.06)
    assert after <= before


def twelve_cells() -> CellTable:
    ids = parents(leaf_ids(np.full(12, 10.0), np.arange(12) * 20.0), 11)
    return CellTable(ids, *centres(ids))


def test_photos_that_no_class_is_near_do_not_count_for_the_temperature() -> None:
    table, nowhere = twelve_cells(), np.array([-60.0, -60.0])
    said = PictureRatios(np.full((2, 12), 1 / 12, np.float32), table)
    assert fit_temperature(said, table, nowhere, nowhere)[0] == 1.0


def test_a_cell_next_to_the_true_one_is_as_good_where_25_km_are_asked_for() -> None:
    """Or a model that never errs by more than a street would be taken for one that errs every second time."""
    ids = parents(leaf_ids(np.array([10.0, 10.05, -30.0]), np.array([20.0, 20.05, 140.0])), 12)
    table = CellTable(ids, *centres(ids))
    said = PictureRatios(np.array([[0.5, 0.3, 0.2]], np.float32).repeat(40, axis=0), table)
    taken = np.arange(40) % 2
    temperature, _, _ = fit_temperature(said, table, table.lat[taken], table.lng[taken])
    assert temperature < 0.6


def test_no_cell_is_an_infinite_error(published_cells: CellTable) -> None:
    errors = ceilings(published_cells, np.array([-48.9]), np.array([-123.4]))  # the middle of the Pacific
    assert np.isinf(errors["truth's own cell"]).all()
    assert np.isfinite(errors["nearest class position"]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,latitude\na.jpg,1\n", "needs columns image, latitude and longitude"),
        ("image,latitude,longitude\na.jpg,1,2\nb.jpg,north,2\n", "line 3 has no place"),
        ("image,latitude,longitude\na.jpg,91,2\n", r"line 2: 91\.0, 2\.0 is not on the Earth"),
        ("image,latitude,longitude\n", "names no photo"),
    ],
)
def test_bad_labels_are_told_by_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(SourceError, match=message):
        load_labels(tmp_path / "a.csv")


def test_a_report_is_told_as_lines_tables_and_json(
    published_cells: CellTable, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    from training.pack.plots import picture_of_report
    from training.pack.rendering import plain_lines, record_of, save_report, show, tables_of

    labels = load_labels(shared_data / "reference/testsets/im2gps-237.csv")
    report = ceiling_report(published_cells, labels, "rn101-5k500")
    lines = plain_lines(report)
    assert any(line.startswith("ceiling, truth's own cell: 37.1 [") for line in lines)
    assert "published, RN101-5k500: 16.8 / 39.2 / 48.9 / 67.9 / 82.2" in lines
    drawn = io.StringIO()
    for table in tables_of(report):
        Console(file=drawn, width=80).print(table)
    assert "…" not in drawn.getvalue(), "80 columns are enough"
    for told in ("37.1", "GeoScore", "PIGEOTTO 2024", "median"):
        assert told in drawn.getvalue()
    show(report, Console())
    assert capsys.readouterr().out == "\n".join(lines) + "\n"
    (saved,) = save_report(report, tmp_path, picture_of_report)
    assert json.loads(saved.read_text()) == json.loads(json.dumps(record_of(report), allow_nan=False))


def test_a_model_is_evaluated_without_the_extra_train() -> None:
    program = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(('torch', 'pyarrow', 'matplotlib', 'fsspec', 'urllib3'))\n"
        "import training.pack.evaluate, training.pack.rendering, training.pack.plots\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_pictures_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from training.pack.evaluate import AccuracyReport
    from training.pack.plots import picture_of_report

    rng = np.random.default_rng(0)
    errors, lat, lng = rng.lognormal(4, 2, 200), rng.uniform(-60, 60, 200), rng.uniform(-180, 180, 200)
    report = AccuracyReport(
        "m", "set", {"place": score(errors)}, {}, {}, published_for("im2gps"), errors, rng.uniform(0, 1, 200),
        lat, lng, 1.0, 2.0,
    )  # fmt: skip
    made = picture_of_report(report, tmp_path)
    assert [path.name for path in made] == ["accuracy.png", "errors.png", "reliability.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in made)


def test_the_map_knows_land_from_sea_and_keeps_areas() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from training.pack.worldmap import equal_earth, land

    lat, lng, is_land = land()
    where = {(a, b): v for a, b, v in zip(lat.ravel(), lng.ravel(), is_land.ravel(), strict=True)}
    assert all(where[place] for place in ((48.5, 2.5), (-25.0, 134.0), (62.0, -110.0), (0.0, 25.0)))
    assert not any(where[place] for place in ((0.0, -30.0), (-40.0, 90.0), (30.0, -170.0)))

    def area(south: float, north: float) -> float:
        x, y = equal_earth(np.array([south, south, north, north]), np.array([0.0, 0.01, 0.01, 0.0]))
        return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2

    for south in (0.0, 30.0, 60.0, 80.0):
        sphere = np.radians(0.01) * np.diff(np.sin(np.radians([south, south + 0.1])))[0]
        assert area(south, south + 0.1) == pytest.approx(sphere, rel=1e-3)


def test_a_partition_with_polar_and_date_line_cells_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from geotagger.partition import Thresholds, partition
    from training.pack.plots import picture_of_cells

    lat = np.array([-90.0, -70.0, 89.0, 0.0, 1.0, 48.0])
    lng = np.array([0.0, 100.0, 10.0, 179.99, -179.99, 2.0])
    for thresholds in (Thresholds(2, 1), Thresholds(1, 1)):
        assert picture_of_cells(partition(lat, lng, thresholds), tmp_path / "cells.png")
        assert (tmp_path / "cells.png").read_bytes().startswith(b"\x89PNG")


def test_a_labelled_set_with_images_is_measured_and_calibrates_the_pack(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    import torch

    from geotagger.model.manifest import Manifest
    from geotagger.model.pack import find_pack, write_pack
    from geotagger.model.preprocessing import Preprocessing
    from geotagger.partition import Thresholds, partition
    from tests.training.places import PLACES, picture, style_of
    from training.fit.networks import build
    from training.pack.evaluate import evaluate_labels
    from training.pack.export import network_writer

    lat, lng = (np.array([place[i] for place in PLACES]) for i in (1, 2))
    table = partition(lat, lng, Thresholds(1, 1, max_level=8))
    torch.manual_seed(0)
    manifest = Manifest("tiny", "1", "none", Preprocessing(input_size=32, scale=1.0, mean=(0.0, 0.0, 0.0)))
    pack = write_pack(tmp_path / "tiny", manifest, table, network_writer(build("resnet10", len(table)), 32))
    rows = ["img_id,LAT,LON"]
    (tmp_path / "images").mkdir()
    for number, (_, place_lat, place_lng) in enumerate(PLACES):
        picture(style_of(number), np.random.default_rng(number)).save(tmp_path / "images" / f"{number}.jpg")
        rows.append(f"00/{number}.jpg,{place_lat},{place_lng}")
    rows.append("gone.jpg,1,2")
    (tmp_path / "set.csv").write_text("\n".join(rows))
    report = evaluate_labels(pack, tmp_path / "set.csv", tmp_path / "images", device="cpu")
    assert report.scores["place within 25 km"].photos == 8
    assert [name for name, _ in report.problems] == ["gone.jpg"]
    assert set(report.regions) == {"Europe", "Africa", "Asia", "Oceania", "South America", "North America"}
    fitted = evaluate_labels(pack, tmp_path / "set.csv", tmp_path / "images", device="cpu", fit=True)
    again = find_pack(tmp_path / "tiny")
    assert again.temperature == pytest.approx(fitted.temperature)
    assert again.manifest.accuracy[0].test_set == "set"
    (tmp_path / "few.csv").write_text("\n".join(rows[:3]))
    with pytest.raises(SourceError, match="too few to fit a temperature; the model was left as it is"):
        evaluate_labels(again, tmp_path / "few.csv", tmp_path / "images", device="cpu", fit=True)
    with pytest.raises(SourceError, match="none of the 9 photos of"):
        evaluate_labels(pack, tmp_path / "set.csv", tmp_path, device="cpu")
