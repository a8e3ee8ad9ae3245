"""The ten questions of docs/index.md: they run, they find, and Datasette asks them by a click."""

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from geotagger.index import open_index
from geotagger.index.questions import QUESTIONS
from tests.commands import Geotagger
from tests.tag.scenes import START, jpeg, walk_through_town

DOCUMENT = Path(__file__).parents[2] / "docs" / "index.md"


def test_the_document_has_the_questions_that_datasette_gets() -> None:
    shown = re.findall(r"```sql\n(.*?);\n```", DOCUMENT.read_text(encoding="utf-8"), re.S)
    assert shown == [sql for _, _, sql in QUESTIONS]
    assert len(shown) == 10


@pytest.fixture
def archive(geotagger: Geotagger, tmp_path: Path) -> Path:
    scene = walk_through_town(tmp_path / "photos", 12)
    (scene.folder / "salzburg.jpg").write_bytes(jpeg(START, (47.80, 13.04), shade=9))
    (scene.folder / "lost.jpg").write_bytes(jpeg(START + timedelta(days=900), camera="Other"))
    geotagger("tag", scene.folder, "--model", "none")
    with open_index(geotagger.index) as index:  # without its guess, which only the index has
        lost = index.photos.find(str(scene.folder / "lost.jpg"))
        assert lost is not None
        index.estimates.drop([lost.id])
    return scene.folder


def test_every_question_runs_and_finds(geotagger: Geotagger, archive: Path) -> None:
    with open_index(geotagger.index, mode="read") as index:
        (written,) = index.store.row("select count(*) from estimates where written in ('exif', 'sidecar')")
        found = {name: index.store.rows(sql) for name, _, sql in QUESTIONS}
    assert found["countries"] == [("AT", 13)]
    assert found["days_without_a_place"] == [(f"{START + timedelta(days=900):%Y-%m-%d}", 1)]
    assert found["cameras_without_a_place"] == [("Testmaker Other", 1, 0)]
    assert found["folders"] == [(str(archive), 13, 14)]
    assert found["years"] == [("2024", "AT", 13)]
    assert {row[1:3] for row in found["borders"]} == {("AT", "DE")}
    assert sum(row[1] for row in found["certainty"]) == written > 3
    assert [row[1] for row in found["runs"]] == [written]
    assert sum(row[1] for row in found["squares"]) == 13
    assert sum(row[3] for row in found["towns"]) == 13


@pytest.mark.usefixtures("archive")
def test_datasette_shows_the_index_and_answers_the_questions(geotagger: Geotagger, tmp_path: Path) -> None:
    app = pytest.importorskip("datasette.app")
    target = tmp_path / "metadata.json"
    geotagger("datasette", "--out", target)
    geotagger("datasette", "--out", target)  # its own file may go
    metadata = json.loads(target.read_text(encoding="utf-8"))
    assert metadata == json.loads(geotagger("datasette").out)
    server = app.Datasette([str(geotagger.index)], metadata=metadata)
    (name,) = metadata["databases"]

    async def ask() -> None:
        for question in metadata["databases"][name]["queries"]:
            answer = await server.client.get(f"/{name}/{question}.json?_shape=array")
            assert answer.status_code == 200, (question, answer.text)
            assert answer.json(), question
        page = await server.client.get(f"/{name}")
        assert "Photos by country" in page.text
        assert "The photos that are there" in (await server.client.get(f"/{name}/positions")).text

    asyncio.run(ask())


def test_a_file_of_somebody_elses_stays(geotagger: Geotagger, archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "metadata.json"
    target.write_text("{}")
    assert "--force" in geotagger("datasette", "--out", target, code=1).err
    assert target.read_text() == "{}"
    assert archive.is_dir()
    geotagger("datasette", "--out", target, "--force")
    assert "queries" in target.read_text()
