"""Two equal phones in one archive, of two people in two cities, from the command line."""

from datetime import timedelta
from pathlib import Path

from geotagger.geo import distance_km
from tests.commands import Geotagger
from tests.tag.scenes import START, jpeg

COLOGNE, MUNICH = (50.94, 6.96), (48.14, 11.58)


def test_photos_of_equal_phones_go_to_the_city_of_their_folder(geotagger: Geotagger, tmp_path: Path) -> None:
    """Twenty-four minutes apart by turns; a third of them have no place."""
    bare = set()
    for n in range(36):
        who, name = ("anna", "ben")[n % 2], f"IMG_{n:04}.jpg"
        lacks = n // 2 % 3 == 1
        city = (COLOGNE, MUNICH)[n % 2]
        place = None if lacks else (city[0] + 0.0005 * n, city[1])
        folder = tmp_path / "photos" / who
        folder.mkdir(parents=True, exist_ok=True)
        taken = START + timedelta(minutes=24 * (n % 12), days=n // 12)
        (folder / name).write_bytes(jpeg(taken, place, size=32))
        if lacks:
            bare.add((name, city))
    said = geotagger("tag", tmp_path / "photos", "--model", "none", "--dry-run", "--json").by_name()
    for name, city in bare:
        assert said[name]["status"] == "planned"
        assert distance_km(said[name]["latitude"], said[name]["longitude"], *city) < 10
