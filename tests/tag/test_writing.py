"""Files of a group take their names side by side; two that are one file, in order."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from geotagger.marks import Mark
from geotagger.metadata import Position, prepare, settle
from geotagger.tag.writing import take_places


def test_of_two_names_for_one_photo_the_second_learns_of_the_first(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (8, 8)).save(photo)
    link = tmp_path / "link.jpg"
    link.symlink_to(photo)
    one = prepare(str(photo), Position(1, 2, Mark("manual")))
    other = prepare(str(link), Position(3, 4, Mark("manual")))
    with ThreadPoolExecutor(4) as pool:
        first, second = take_places([one, other], pool)
    assert first is None
    assert "another program changed it meanwhile" in str(second)
    assert settle(one.edit) == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.jpg", "photo.jpg"]
