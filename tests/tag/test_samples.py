"""Every sample photo goes through `tag` and `place`, and back."""

import shutil
import subprocess
from pathlib import Path

from tests.commands import Geotagger
from tests.tag.scenes import bytes_of


def test_all_samples_pass_and_come_back_byte_for_byte(
    geotagger: Geotagger, tmp_path: Path, shared_data: Path
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(shared_data / "photos", folder)
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    before = bytes_of(folder)
    tagged = geotagger("tag", folder, "--json", code=1)
    statuses = [record["status"] for record in tagged.records]
    assert len(statuses) > 400
    assert statuses.count("failed") < 5  # the few that are broken on purpose
    photos = [record["path"] for record in tagged.records if record["status"] != "failed"]
    placed = geotagger("place", "48.8584,2.2945", *photos, "--overwrite", "--json")
    assert {record["status"] for record in placed.records} == {"written"}
    geotagger("undo", "--yes")
    geotagger("undo", "--yes")
    assert bytes_of(folder) == before
