import re
from pathlib import Path

from geotagger import cells
from geotagger.index import Index
from geotagger.index.estimates import PhotoEstimate
from geotagger.index.roots import Root

from .conftest import estimate

DOCUMENT = Path(__file__).parents[2] / "docs" / "index.md"


def described() -> dict[str, list[str]]:
    """Tables and columns as docs/index.md has them."""
    sections = re.split(r"^### ", DOCUMENT.read_text(), flags=re.M)[1:]
    return {
        section.split()[0]: re.findall(
            r"^\| (\w+) \|", section.split("\n## ")[0].replace("| column |", ""), re.M
        )
        for section in sections
    }


def test_the_document_describes_every_table_and_column(index: Index) -> None:
    database = index.database
    real = {
        name: [row[1] for row in index.store.rows(f"pragma table_info({name})")]
        for name in (*database.table_names(), *database.view_names())
        if not name.startswith("estimates_rectangles_")  # how SQLite keeps the tree is its own affair
    }
    assert {name: sorted(columns) for name, columns in described().items()} == {
        name: sorted(columns) for name, columns in real.items()
    }


def test_the_statements_of_the_document_run_and_find(index: Index, recorded: Root) -> None:
    photo = next(index.photos.in_time(recorded.id))
    inside = cells.centres(cells.ids_of_tokens(["47e66f"]))
    index.estimates.put(
        None, [PhotoEstimate(photo.id, estimate(latitude=inside[0][0], longitude=inside[1][0]))]
    )
    block = re.search(r"(    select path.*?)\n\n(?=\S)", DOCUMENT.read_text(), re.S)
    assert block is not None
    for statement in block[1].split(";"):
        if statement.strip():
            assert len(index.store.rows(statement)) == 1


def test_positions_shows_whole_paths(index: Index, recorded: Root) -> None:
    photo = next(index.photos.in_time(recorded.id))
    index.estimates.put(None, [PhotoEstimate(photo.id, estimate())])
    assert index.store.rows("select photo_id, path, rung from positions") == [
        (photo.id, photo.path, "visual")
    ]


def test_every_key_that_refers_to_another_table_is_declared(index: Index) -> None:
    keys = {
        (name, key.column)
        for name in index.database.table_names()
        for key in index.database.table(name).foreign_keys
    }
    referring = {
        (name, column.name)
        for name in index.database.table_names()
        for column in index.database.table(name).columns
        if column.name.endswith("_id")
    }
    # the journal outlives the photos it tells of
    assert referring - keys == {("journal", "photo_id")}
