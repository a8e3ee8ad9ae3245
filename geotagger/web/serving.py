"""Starts the page on the loopback address and keeps it until it is interrupted.

The socket is bound before the address is told, so nobody can take the port in between.
"""

import socket
from collections.abc import Callable

import uvicorn

from geotagger.errors import UsageError
from geotagger.web.app import page_for
from geotagger.web.door import LOOPBACK, new_token
from geotagger.web.house import House


def serve(house: House, port: int, ready: Callable[[str, str], None]) -> None:
    """Until Ctrl-C. `port` 0: any that is free. `ready` gets the address, which holds the token, and another
    one for a command line, which works once."""
    with _bound(port) as door:
        token, once, port = new_token(), new_token(), door.getsockname()[1]
        config = uvicorn.Config(
            page_for(house, token, port, once),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        ready(f"http://{LOOPBACK}:{port}/{token}/", f"http://{LOOPBACK}:{port}/{once}/")
        uvicorn.Server(config).run(sockets=[door])


def _bound(port: int) -> socket.socket:
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((LOOPBACK, port))
        door.listen(128)
    except OSError as error:
        door.close()
        raise UsageError(
            f"--port {port}: cannot be had ({error.strerror}); 0 takes any that is free"
        ) from None
    return door
