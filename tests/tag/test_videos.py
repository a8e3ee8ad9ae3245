"""Videos in an archive: their places help, and those without one get a sidecar; no video is ever changed."""

from datetime import timedelta
from pathlib import Path

import pytest

from geotagger.metadata import sidecar_positions
from tests.commands import Geotagger
from tests.photo.videos import APPLE, box, movie, text
from tests.tag.scenes import LATITUDE, LONGITUDE, START, bytes_of, jpeg, walk_through_town


def test_videos_are_placed_and_place_others_and_stay_as_they_are(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = walk_through_town(tmp_path / "photos", 4, without_gps=0).folder
    utc = START - timedelta(hours=2) + timedelta(minutes=2)
    far = START + timedelta(days=20)
    apple = {f"{APPLE}creationdate": (START + timedelta(minutes=2)).isoformat() + "+02:00"}
    videos = {
        "live.MOV": movie(meta=apple, brand=b"qt  "),
        f"VID_{START + timedelta(minutes=2):%Y%m%d_%H%M%S}.mp4": movie(created=utc),
        "phone.3gp": movie(created=utc, user=text(b"\xa9mak", "samsung"), brand=b"3gp5"),
        "undecided.mp4": movie(created=utc),
        "RPReplay_Final1715936520.MP4": movie(meta=apple),
        "sydney.mp4": movie(created=far - timedelta(hours=2), user=text(b"\xa9xyz", "-33.8680+151.2100/")),
    }
    for name, data in videos.items():
        (folder / name).write_bytes(data)
    (folder / "sydney.jpg").write_bytes(jpeg(far))
    said = geotagger("tag", folder, "--model", "none", "--json").by_name()
    placed = ["live.MOV", f"VID_{START + timedelta(minutes=2):%Y%m%d_%H%M%S}.mp4", "phone.3gp"]
    assert {name for name in videos if said[name]["status"] == "written"} == {*placed, "undecided.mp4"}
    assert said["undecided.mp4"]["radius_km"] > 5 * said["live.MOV"]["radius_km"]
    for name in placed:
        (found,) = sidecar_positions(str(folder / name))
        assert (found.latitude, found.longitude) == pytest.approx((LATITUDE, LONGITUDE), abs=2e-3)
        assert (folder / f"{name}.xmp").is_file()
    assert (said["sydney.mp4"]["status"], said["sydney.mp4"]["rung"]) == ("kept", "camera")
    assert said["sydney.jpg"]["latitude"] == pytest.approx(-33.868, abs=1e-3)
    assert said["RPReplay_Final1715936520.MP4"]["reason"].startswith("does not look like a photograph")
    assert {name: (folder / name).read_bytes() for name in videos} == videos
    before = bytes_of(folder)
    geotagger("tag", folder, "--model", "none")
    assert bytes_of(folder) == before
    geotagger("undo", "--yes", code=None)
    geotagger("forget", "--estimates", folder, "--yes", code=None)
    assert not list(folder.glob("*.xmp"))
    assert {name: (folder / name).read_bytes() for name in videos} == videos


def test_formats_that_take_no_position_get_sidecars(geotagger: Geotagger, tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "photos"
    folder.mkdir()
    image = Image.effect_noise((64, 48), 40).convert("RGB")
    image.save(folder / "a.gif")
    image.save(folder / "b.bmp")
    image.save(folder / "c.jp2")
    image.save(folder / "d.avif")
    (folder / "e.jxl").write_bytes(bytes.fromhex("ff0afa1f0191080610"))
    head = b"8BPS\0\1" + bytes(6) + b"\0\3" + (48).to_bytes(4, "big") + (64).to_bytes(4, "big") + b"\0\10\0\3"
    (folder / "f.psd").write_bytes(head + bytes(12) + bytes(64 * 48 * 3))
    (folder / "g.jxl").write_bytes(
        box(b"JXL ", b"\r\n\x87\n")
        + box(b"ftyp", b"jxl \0\0\0\0jxl ")
        + box(b"jxlc", b"\xff\x0a\xfa\x1f\x01")
    )
    before = bytes_of(folder)
    said = geotagger("place", "48,11", *sorted(folder.iterdir()), "--json").by_name()
    assert {record["status"] for record in said.values()} == {"written"}
    after = bytes_of(folder)
    assert {name: after[name] for name in before} == before
    assert {name for name in after if name not in before} == {f"{name}.xmp" for name in before}
    geotagger("undo", "--yes")
    assert bytes_of(folder) == before
