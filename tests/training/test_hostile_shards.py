"""A manifest and an index are the server's word: nothing outside the cache is written or removed for it."""

import contextlib
import hashlib
import io
import json
import os
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geotagger.errors import TrainingError
from tests.training.test_shards import write
from training.data import remote
from training.data.shards import INDEX, ShardSet, read_manifest

pytest.importorskip("fsspec", reason="fsspec is not installed")

ADDRESS = "memory://hostile"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Honest shards as a server gives them: change the files, then read them."""
    write(tmp_path / "honest")
    files = {f"{ADDRESS}/{path.name}": path.read_bytes() for path in (tmp_path / "honest").iterdir()}

    def read(address: str, most: int) -> bytes:
        if address not in files:
            raise remote.MissingError("no such file")
        if len(files[address]) > most:
            raise remote.TooLongError(most)
        return files[address]

    monkeypatch.setattr(remote, "read", read)
    return files


def told(served: dict[str, bytes], **changes: Any) -> None:
    manifest = json.loads(served[f"{ADDRESS}/manifest.json"])
    manifest["shards"][0].update(changes)
    served[f"{ADDRESS}/manifest.json"] = json.dumps(manifest).encode()


@pytest.mark.parametrize(
    "name",
    ["../../.config/autostart/x.desktop", "../x.tar", "/tmp/x.tar", "a/b.tar", ".hidden.tar", "x.tar\n",
     "http://elsewhere/x.tar", "..tar", "x.desktop", "", "a\\..\\b.tar", 7, None, ["x.tar"]],
)  # fmt: skip
def test_a_shard_whose_name_leads_out_of_the_cache_is_refused(
    tmp_path: Path, served: dict[str, bytes], name: object
) -> None:
    content = b"[Desktop Entry]"
    told(served, name=name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), samples=0)
    served[remote.joined(ADDRESS, str(name))] = content
    served[remote.joined(ADDRESS, str(name).removesuffix(".tar") + ".npy")] = content
    before = {path for path in tmp_path.rglob("*") if "cache" not in path.parts}
    with pytest.raises(TrainingError, match=r"manifest\.json: not a manifest of shards"):
        ShardSet(ADDRESS, "train", cache=tmp_path / "cache" / "deep" / "below")
    assert {path for path in tmp_path.rglob("*") if "cache" not in path.parts} == before
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "changes",
    [{"samples": -1}, {"samples": 1e300}, {"samples": "ten"}, {"bytes": 1 << 80}, {"rows": True},
     {"sha256": "0"}, {"sha256": None}, {"split": 3}, {"skipped": []}, {"skipped": {"a": "b"}},
     {"unexpected": 1}, {"bytes": 1 << 40}, {"samples": 1 << 40}],
)  # fmt: skip
def test_values_that_no_manifest_holds_are_told(served: dict[str, bytes], changes: dict[str, Any]) -> None:
    told(served, **changes)
    with pytest.raises(TrainingError, match="not a manifest of shards"):
        read_manifest(ADDRESS)


@pytest.mark.parametrize("text", [b"[]", b"3", b'{"shards": 3}', b'{"shards": [3]}', b"[" * 100_000, b"\xff"])
def test_what_is_no_manifest_is_told(served: dict[str, bytes], text: bytes) -> None:
    served[f"{ADDRESS}/manifest.json"] = text
    with pytest.raises(TrainingError, match="not a manifest of shards"):
        read_manifest(ADDRESS)


def numpy_file(array: "np.ndarray[Any, Any]") -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def entries(count: int = 10, **columns: object) -> bytes:
    index = np.zeros(count, INDEX)
    for name, value in columns.items():
        index[name] = value
    return numpy_file(index)


@pytest.mark.parametrize(
    ("index", "why"),
    [
        (entries(size=0xFFFF_FFFF), "beyond the end"),
        (entries(offset=2**64 - 1, size=2), "beyond the end"),
        (entries(latitude=np.nan), "not on the Earth"),
        (entries(longitude=1e9), "not on the Earth"),
        (numpy_file(np.zeros(10)), "not a list"),
        (numpy_file(np.array([{}], dtype=object)), "Python objects"),
        (entries()[:40], "its index is of no use"),
        (b"", "its index is of no use"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, "its index is of no use"),
    ],
    ids=["size", "offset", "nan", "longitude", "dtype", "pickle", "short", "empty", "header"],
)
def test_an_index_that_lies_is_refused(
    tmp_path: Path, served: dict[str, bytes], index: bytes, why: str
) -> None:
    served[f"{ADDRESS}/train-000000.npy"] = index
    with pytest.raises(TrainingError, match=rf"train-000000\.tar: broken shard: .*{why}"):
        ShardSet(ADDRESS, "train", cache=tmp_path / "cache")


@pytest.mark.usefixtures("served")
def test_honest_shards_are_read_as_before(tmp_path: Path) -> None:
    assert len(ShardSet(ADDRESS, "train", cache=tmp_path / "cache")) == 25


def test_an_index_that_promises_more_than_it_has_makes_no_room_for_it(
    tmp_path: Path, served: dict[str, bytes]
) -> None:
    name = next(address for address in served if address.endswith("train-000000.npy"))
    header = io.BytesIO()
    promised = {"descr": INDEX.descr, "fortran_order": False, "shape": (1 << 46,)}
    np.lib.format.write_array_header_1_0(header, promised)
    served[name] = header.getvalue() + bytes(INDEX.itemsize)
    with pytest.raises(TrainingError, match=r"its index is of no use|the index of a shard"):
        ShardSet(ADDRESS, "train", cache=tmp_path / "cache")


@pytest.fixture
def endless() -> Iterator[str]:
    """A server whose answer has no end: packed, so that little comes over the line."""

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            packer = zlib.compressobj(wbits=31)
            begin, piece = (packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in "ab")
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(begin)
                while True:
                    self.wfile.write(piece)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_server_without_end_is_cut_off(endless: str) -> None:
    with pytest.raises(TrainingError, match="more than 67,108,864 bytes"):
        read_manifest(endless)
    tracemalloc.start()
    with pytest.raises(remote.TooLongError):
        remote.read(f"{endless}/image.jpg", 1 << 20)
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs a file without end")
@pytest.mark.parametrize("address", ["/dev/zero", "file:///dev/zero"])
def test_an_image_that_a_list_says_is_a_device_is_cut_off(address: str) -> None:
    with pytest.raises((remote.TooLongError, remote.UnreachableError)):
        remote.read(address, 1 << 20)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_an_image_that_a_list_says_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "image.jpg")
    assert remote.read(str(tmp_path / "image.jpg")) == b""


class Deaf(BaseHTTPRequestHandler):
    """A store that heeds no byte range, and sends to whoever does not hang up."""

    states: int | None = None
    sent = 0

    def do_GET(self) -> None:
        self.send_response(200)
        if self.states is not None:
            self.send_header("Content-Length", str(self.states))
        self.end_headers()
        with contextlib.suppress(OSError):
            while type(self).sent < 256 << 20:
                type(self).sent += self.wfile.write(bytes(1 << 16))

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("states", [1 << 40, 60 << 20, None, 2000])
def test_a_store_that_heeds_no_byte_range_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, states: int | None
) -> None:
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    handler = type("Handler", (Deaf,), {"states": states})
    most = 256 << 10 if states != 60 << 20 else 64 << 20
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        s3fs.S3FileSystem.clear_instance_cache()
        if states and states <= most:
            assert remote.read("s3://deaf/image.jpg", most) == bytes(states)
        else:
            with pytest.raises(remote.TooLongError):
                remote.read("s3://deaf/image.jpg", most)
        server.shutdown()
    assert handler.sent < (states if states == most else 0) + (80 << 20)
