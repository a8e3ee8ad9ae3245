"""The routes of the page, behind the door.

Static files are our own and those of the installed packages that ship the map; nothing comes from elsewhere.
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from geotagger.errors import UsageError
from geotagger.web.acting import Acting
from geotagger.web.answers import Endpoint, answer, in_one_line, number, whole_number
from geotagger.web.basemap import Tiles, outlines, towns
from geotagger.web.door import Door
from geotagger.web.explaining import Explaining
from geotagger.web.house import House
from geotagger.web.pictures import PICTURE, THUMBNAIL
from geotagger.web.reading import Reading, whole_in_path

STATIC = Path(__file__).parent / "static"


def page_for(house: House, token: str, port: int, once: str | None = None) -> ASGIApp:
    """The whole application, as a server on that port of the loopback address takes it. `token`, `once`: see
    `Door`."""
    reading, acting, explaining = Reading(house), Acting(house), Explaining(house)
    questions: dict[str, Endpoint] = {
        "/api/state": reading.state,
        "/api/clusters": reading.clusters,
        "/api/cell": reading.cell,
        "/api/tray": reading.tray,
        "/api/outings": reading.outings,
        "/api/outing": reading.outing,
        "/api/photo/{photo_id:int}": reading.photo,
        "/api/why/{photo_id:int}": explaining.why,
        "/api/sample": reading.sample,
        "/api/towns": _towns,
        "/basemap.json": _outlines,
        "/thumb/{photo_id:int}": _pictures(house, THUMBNAIL),
        "/picture/{photo_id:int}": _pictures(house, PICTURE),
    }
    orders: dict[str, Endpoint] = {
        "/api/decide": acting.decide,
        "/api/clock": acting.clock,
        "/api/retract": acting.retract,
        "/api/write": acting.write,
        "/api/undo": acting.undo,
    }
    if house.basemap is not None:
        tiles = Tiles(house.basemap)
        questions["/api/tiles"] = lambda _: answer(tiles.head)
        questions["/tiles/{zoom:int}/{x:int}/{y:int}"] = _tile_of(tiles)
    routes: list[Route | Mount] = [Route("/", lambda _: FileResponse(STATIC / "index.html"), methods=["GET"])]
    routes += [Route(path, in_one_line(endpoint), methods=["GET"]) for path, endpoint in questions.items()]
    routes += [Route(path, in_one_line(endpoint), methods=["POST"]) for path, endpoint in orders.items()]
    routes += [
        Mount("/static", StaticFiles(directory=STATIC)),
        Mount("/leaflet", StaticFiles(packages=[("js_lib_leaflet", "static/js_lib_leaflet")])),
    ]
    return Door(Starlette(routes=routes), token, port, once)


def _pictures(house: House, edge: int) -> Endpoint:
    def picture(request: Request) -> Response:
        with house.index() as index:
            return Response(house.pictures.of(index, whole_in_path(request), edge), media_type="image/jpeg")

    return picture


def _outlines(_: Request) -> Response:
    return Response(outlines(), media_type="application/json", headers={"content-encoding": "gzip"})


def _towns(request: Request) -> Response:
    box = [number(request, name, -720, 720) for name in ("south", "west", "north", "east")]
    return answer(
        [{"name": t.name, "latitude": t.latitude, "longitude": t.longitude, "people": t.population}
         for t in towns(*box)]
    )  # fmt: skip


def _tile_of(tiles: Tiles) -> Endpoint:
    def tile(request: Request) -> Response:
        zoom, x, y = (whole_number(name, request.path_params[name]) for name in ("zoom", "x", "y"))
        if zoom > 30 or max(x, y) >= 1 << zoom:
            raise UsageError("there is no such tile")
        data = tiles.tile(zoom, x, y)
        if data is None:
            return Response(b"", 204)
        return Response(data, media_type=str(tiles.head["media_type"]))

    return tile
