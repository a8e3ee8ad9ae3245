"""An archive of very many photos, without its files: they are asked for a hundred at a time."""

from pathlib import Path

from benchmarks.review import fill
from geotagger.index import open_index
from tests.commands import Geotagger
from tests.web.pages import open_page


def test_fifty_thousand_photos_at_one_place_open_a_hundred_at_a_time(geotagger: Geotagger) -> None:
    with open_index(Path(geotagger.index)) as index:
        fill(index, 50_000, one_place=True)
    with open_page(geotagger) as page:
        for zoom in (1, 12, 24):
            told = page.get("api/clusters", south=-90, west=-180, north=90, east=180, zoom=zoom)
            (one,) = told["clusters"]
            assert one["photos"] == 50_000
        first = page.get("api/cell", cell=one["cell"], level=told["level"])
        last = page.get("api/cell", cell=one["cell"], level=told["level"], offset=49_950)
        assert (len(first["photos"]), first["next"]) == (100, 100)
        assert (len(last["photos"]), last["next"]) == (50, None)
        assert page.get("api/state")["open"] == 16_667
        assert page.get("api/state")["archives"][0]["is_there"] is False


def test_photos_without_a_time_are_an_outing_that_opens_page_by_page(geotagger: Geotagger) -> None:
    with open_index(Path(geotagger.index)) as index:
        fill(index, 1_700, one_place=True)
        index.store.execute("update photos set utc = 1.5e9 + id")
        index.store.execute("update photos set utc = null, taken = null where id > 200")
    with open_page(geotagger) as page:
        timed, timeless = page.get("api/outings")["outings"]
        assert (timed["photos"], timeless["photos"], timeless["start"]) == (200, 1_500, None)
        for one, ids in ((timed, range(1, 201)), (timeless, range(201, 1_701))):
            span = {"root": one["root_id"], "first": one["first"], "last": one["last"]}
            shown: list[int] = []
            offset: int | None = 0
            while offset is not None:
                told = page.get("api/outing", **span, offset=offset)
                shown += [photo["id"] for photo in told["photos"]]
                offset = told["next"]
            assert shown == list(ids)
