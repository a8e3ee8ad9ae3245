"""What a newcomer sees: photos without any GPS, and what would give them a place."""

from pathlib import Path

from PIL import Image

from tests.commands import Geotagger


def photos_without_gps(folder: Path, count: int = 12) -> list[Path]:
    folder.mkdir()
    made = []
    for number in range(count):
        exif = Image.Exif()
        exif[0x9003] = f"2024:05:17 10:{number:02d}:00"
        exif[0x010F] = "Canon"
        path = folder / f"IMG_{number}.jpg"
        Image.new("RGB", (64, 48), (number * 20, 90, 90)).save(path, exif=exif)
        made.append(path)
    return made


def test_every_run_says_that_nothing_has_a_place_and_what_would_give_one(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    photos_without_gps(tmp_path / "photos")
    for words in (["--dry-run"], [], []):
        said = geotagger("tag", tmp_path / "photos", "--model", "none", *words).err
        assert "0 of 12 photos have a place" in said
        for way in ("photos with GPS of the same days", "--track", "geotagger place Köln", "models pull"):
            assert way in said
    assert "of 12" not in geotagger("tag", tmp_path / "photos", "--model", "none", "--quiet").err


def test_a_town_can_be_given_and_is_no_more_exact_than_a_town(geotagger: Geotagger, tmp_path: Path) -> None:
    photo = photos_without_gps(tmp_path / "photos", 1)[0]
    (said,) = geotagger("place", "Köln", photo, "--json").records
    assert (said["status"], said["country"], said["rung"]) == ("written", "DE", "manual")
    assert 8 < said["radius_km"] < 12
    assert geotagger("query", "--near", "Cologne", "--json").records[0]["path"] == str(photo)
    assert "no town" not in geotagger("place", "Kölln", photo, code=2).err
    assert "did you mean" in geotagger("place", "Kölln", photo, code=2).err
