"""Distances are read in the units that people write, by every option that takes one."""

import math
from pathlib import Path

import pytest

from geotagger.cli.distances import distance_reader
from tests.commands import Geotagger
from tests.tag.scenes import START, jpeg


@pytest.mark.parametrize(
    ("text", "km"),
    [
        ("30", 30), ("30km", 30), ("30 km", 30), (" 30 KM ", 30), ("500m", 0.5), ("500 meters", 0.5),
        ("1 Kilometre", 1),
        ("20mi", 32.18688), ("1 mile", 1.609344), ("10 nmi", 18.52), ("1000ft", 0.3048), ("100 yd.", 0.09144),
        ("2,5km", 2.5), ("0,25", 0.25), (".5km", 0.5), ("3.", 3), ("1e3m", 1), (25, 25), (0.2, 0.2), ("0", 0),
    ],
)  # fmt: skip
def test_a_distance_is_read_in_any_unit(text: str | float, km: float) -> None:
    assert math.isclose(distance_reader()(text), km, rel_tol=1e-12)


@pytest.mark.parametrize(
    "text",
    ["", "km", "far", "5 furlongs", "1,000", "1,000km", "nan", "inf", "-1", "1e9", "5km2", "3 4", "١٢x"],
)
def test_what_is_no_distance_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="wanted"):
        distance_reader()(text)


def test_every_option_that_takes_a_distance_takes_units(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg(START, (48.2, 16.4)))
    geotagger("tag", folder, "--model", "none", "--within", "5 mi")
    assert len(geotagger("query", "--near", "48.2,16.41", "--radius", "800m", "--json").records) == 1
    assert geotagger("query", "--near", "48.2,16.41", "--radius", "700m", "--json").records == []
    assert len(geotagger("export", "--near", "48.2,16.41", "--radius", "0.5mi").out.split('"Feature"')) == 2
    geotagger("why", folder / "a.jpg", "--within", "500m")
    geotagger("places", "add", "cabin", "48.2,16.41", "--radius", "200 m")
    assert "cabin\t48.20000,16.41000\t± 200 m\n" in geotagger("places", "list").out
    geotagger("export", "--photos", tmp_path / "public", "--coarsen", "3mi")
    (geotagger.home / "geotagger.toml").write_text('radius = "1 km"\n')
    assert len(geotagger("query", "--near", "48.2,16.41", "--json").records) == 1
    (geotagger.home / "geotagger.toml").write_text('radius = "far"\n')
    said = geotagger("query", "--near", "48.2,16.41", code=2).err
    assert said.startswith(
        "geotagger: geotagger.toml: radius = 'far': 'far' is not a distance; wanted is one"
    )
