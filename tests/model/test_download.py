"""Downloads arrive whole and checked, go on where they broke off, and fail in one clear line."""

import errno
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geotagger.errors import DownloadError
from geotagger.model import download
from geotagger.model.download import Received, fetch, forget
from tests.model.server import Served, serving

CONTENT = os.urandom(1_000_000)
OTHER = os.urandom(1_000_000)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as served:
        served.content["/x.params"] = CONTENT
        yield served


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited between attempts, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(download.time, "sleep", waited.append)
    return waited


@pytest.fixture
def get(served: Served, tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ARG001
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def fetched(path: str = "/x.params", **known: Any) -> Received:
        return fetch(served.url(path), tmp_path / "cache", **known)

    return fetched


def kept(tmp_path: Path) -> dict[str, int]:
    """What lies in the folder, by the ending of its name."""
    return {path.suffix: path.stat().st_size for path in (tmp_path / "cache").iterdir()}


def test_a_whole_file_arrives_with_its_checksum(get: Any, waits: list[float]) -> None:
    seen: list[tuple[int, int | None]] = []
    received = get(progress=lambda done, whole: seen.append((done, whole)))
    assert received.path.read_bytes() == CONTENT
    assert received.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert received.bytes == len(CONTENT)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert waits == []


def test_a_second_fetch_asks_for_nothing(get: Any, served: Served) -> None:
    get()
    get()
    assert len(served.requests) == 1


def test_dropped_connections_are_resumed_by_range(get: Any, served: Served) -> None:
    served.faults["/x.params"] = [300_000, 300_000, 0]
    assert get().path.read_bytes() == CONTENT
    assert served.requests == [
        ("/x.params", None),
        ("/x.params", "bytes=300000-"),
        ("/x.params", "bytes=600000-"),
        ("/x.params", "bytes=600000-"),
    ]


def test_a_later_fetch_goes_on_where_an_earlier_one_gave_up(get: Any, served: Served, tmp_path: Path) -> None:
    served.faults["/x.params"] = [400_000, 0, 0, 0, 0]
    with pytest.raises(DownloadError, match="400,000 bytes are kept"):
        get()
    assert kept(tmp_path)[".part"] == 400_000
    assert get().path.read_bytes() == CONTENT
    assert served.requests[-1] == ("/x.params", "bytes=400000-")


def test_an_interruption_keeps_what_came(get: Any, served: Served, tmp_path: Path) -> None:
    def interrupt(done: int, _: int | None) -> None:
        if done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(progress=interrupt)
    assert kept(tmp_path)[".part"] > 500_000
    assert get().path.read_bytes() == CONTENT
    assert served.requests[-1][1] is not None


def test_where_ranges_are_refused_the_whole_is_fetched_again(get: Any, served: Served) -> None:
    served.ranges = False
    served.faults["/x.params"] = [300_000]
    assert get().path.read_bytes() == CONTENT
    assert served.requests[1] == ("/x.params", "bytes=300000-")


def test_a_server_that_names_no_version_is_asked_for_the_whole(get: Any, served: Served) -> None:
    served.etags["/x.params"] = ""
    served.faults["/x.params"] = [300_000]
    assert get().path.read_bytes() == CONTENT
    assert served.requests[1] == ("/x.params", None)


def test_a_file_that_changed_between_attempts_is_not_mixed(get: Any, served: Served) -> None:
    served.faults["/x.params"] = [300_000, 0, 0, 0, 0]
    with pytest.raises(DownloadError):
        get()
    served.content["/x.params"] = OTHER
    assert get().path.read_bytes() == OTHER


def test_a_file_that_shrank_is_fetched_again(get: Any, served: Served) -> None:
    served.etags["/x.params"] = '"the same"'
    served.faults["/x.params"] = [300_000, 0, 0, 0, 0]
    with pytest.raises(DownloadError):
        get()
    served.content["/x.params"] = OTHER[:1000]
    assert get().path.read_bytes() == OTHER[:1000]


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_passing_failure_of_the_server_is_waited_out(
    get: Any, served: Served, waits: list[float], status: int
) -> None:
    served.faults["/x.params"] = [(status,), (status,)]
    assert get().path.read_bytes() == CONTENT
    assert waits == [1.0, 2.0]


def test_the_wait_that_a_server_asks_for_is_kept(get: Any, served: Served, waits: list[float]) -> None:
    served.faults["/x.params"], served.retry_after = [(503,)], "17"
    get()
    assert waits == [17.0]


def test_a_lasting_failure_of_the_server_ends_it(get: Any, served: Served, tmp_path: Path) -> None:
    served.faults["/x.params"] = [(500,)] * 20
    with pytest.raises(DownloadError, match="500 Internal Server Error, 4 times"):
        get()
    assert kept(tmp_path) == {}


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_file_that_is_gone_ends_it_at_once(
    get: Any, served: Served, waits: list[float], tmp_path: Path, status: int
) -> None:
    served.faults["/x.params"] = [(status,)]
    with pytest.raises(DownloadError, match=f"answers {status}") as error:
        get()
    assert served.url("/x.params") in str(error.value)
    assert ("HF_TOKEN" in str(error.value)) == (status in (401, 403))
    assert waits == []
    assert kept(tmp_path) == {}


@pytest.mark.parametrize("known", [len(CONTENT) - 1, len(CONTENT) + 1])
@pytest.mark.parametrize("announced", [True, False])
def test_another_size_than_the_known_one_is_refused(
    get: Any, served: Served, tmp_path: Path, known: int, announced: bool
) -> None:
    served.announces_length = announced
    with pytest.raises(DownloadError, match=r"1,000,000|more than 999,999"):
        get(expected_bytes=known)
    assert kept(tmp_path) == {}


def test_a_length_that_claims_too_much_ends_in_an_error(get: Any, served: Served) -> None:
    served.claims = 50
    with pytest.raises(DownloadError, match="ended after 1,000,000 of 1,000,050 bytes"):
        get()
    assert len(served.requests) < 12


def test_a_length_that_claims_too_little_is_caught_by_the_known_size(get: Any, served: Served) -> None:
    served.claims = -50
    with pytest.raises(DownloadError, match="999,950 bytes where 1,000,000"):
        get(expected_bytes=len(CONTENT))


def test_another_checksum_than_the_known_one_is_refused(get: Any, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="SHA-256"):
        get(expected_sha256="0" * 64)
    assert kept(tmp_path) == {}


def test_a_stream_without_end_is_cut_off(get: Any, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.announces_length = False
    monkeypatch.setattr(download, "_LARGEST_UNANNOUNCED", 500_000)
    with pytest.raises(DownloadError, match="more than 500,000 bytes"):
        get()


def test_a_full_disk_says_so_and_keeps_what_came(
    get: Any, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    plain_copy = download._Transfer.copy

    class FullDisk:
        def __init__(self, file: Any) -> None:
            self.file = file

        def write(self, chunk: bytes) -> int:
            if sum(written) + len(chunk) > 600_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(len(chunk))
            return int(self.file.write(chunk))

    with monkeypatch.context() as patch:
        patch.setattr(
            download._Transfer,
            "copy",
            lambda self, response, file, done, whole: plain_copy(self, response, FullDisk(file), done, whole),
        )
        with pytest.raises(DownloadError, match="the disk is full"):
            get()
    assert kept(tmp_path)[".part"] == sum(written) > 0
    assert get().path.read_bytes() == CONTENT
    assert served.requests[-1][1] == f"bytes={sum(written)}-"


def test_a_disk_without_room_is_noticed_before_anything_is_written(
    get: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match="needs 1,000,000 more bytes"):
        get()
    assert kept(tmp_path) == {}


def test_redirects_are_followed(get: Any, served: Served) -> None:
    served.redirects["/old"] = served.url("/x.params")
    assert get("/old").path.read_bytes() == CONTENT


def test_a_size_that_a_hub_states_is_held_against_what_its_store_has(get: Any, served: Served) -> None:
    served.redirects["/hub"], served.linked_bytes["/hub"] = served.url("/x.params"), len(CONTENT) + 7
    with pytest.raises(DownloadError, match=f"hub states {len(CONTENT) + 7:,}"):
        get("/hub")
    with pytest.raises(DownloadError, match="are known to be right"):
        get("/hub", expected_bytes=len(CONTENT))
    assert served.requests[-1][0] == "/x.params"
    served.announces_length = False
    with pytest.raises(DownloadError, match=f"ended after {len(CONTENT):,} of {len(CONTENT) + 7:,}"):
        get("/hub")
    served.linked_bytes["/hub"] = len(CONTENT)
    assert get("/hub").bytes == len(CONTENT)


def test_a_size_of_thousands_of_digits_is_none(get: Any, served: Served) -> None:
    served.linked_bytes["/x.params"] = "9" * 5000
    assert get().bytes == len(CONTENT)


def test_a_redirect_in_a_circle_ends_it(get: Any, served: Served) -> None:
    served.redirects["/old"] = served.url("/old")
    with pytest.raises(DownloadError, match="302"):
        get("/old")


def test_a_redirect_away_from_https_is_not_followed() -> None:
    request = download.urllib.request.Request("https://example.org/x")
    with pytest.raises(DownloadError, match="unprotected"):
        download._NoDowngrade().redirect_request(request, io.BytesIO(), 302, "", {}, "http://example.org/x")


@pytest.mark.parametrize("address", ["ftp://example.org/x", "file:///etc/passwd", "data:,x"])
def test_a_redirect_to_anything_but_http_is_not_followed(get: Any, served: Served, address: str) -> None:
    served.redirects["/old"] = address
    with pytest.raises(DownloadError) as error:
        get("/old")
    assert "\n" not in str(error.value)
    request = download.urllib.request.Request("http://example.org/x")
    with pytest.raises(DownloadError, match="not HTTP"):
        download._NoDowngrade().redirect_request(request, io.BytesIO(), 302, "", {}, address)


def test_no_server_at_all_is_told_in_one_line(tmp_path: Path, waits: list[float]) -> None:
    with serving() as gone:
        address = gone.url("/x")
    with pytest.raises(DownloadError, match="refused") as error:
        fetch(address, tmp_path)
    assert "\n" not in str(error.value)
    assert waits == [1.0, 2.0, 4.0]


def test_two_at_once_do_not_write_the_same_file(get: Any) -> None:
    def second(done: int, _: int | None) -> None:
        if done:
            with pytest.raises(DownloadError, match="another geotagger is fetching it"):
                get()

    assert get(progress=second).path.read_bytes() == CONTENT


def test_forgetting_leaves_nothing(get: Any, served: Served, tmp_path: Path) -> None:
    get()
    forget(served.url("/x.params"), tmp_path / "cache")
    assert kept(tmp_path) == {}


@pytest.mark.parametrize("state", [b"", b"{", b"[]", b'{"mark": 5}', b'{"mark": "\\n", "address": ""}'])
def test_a_damaged_note_of_an_earlier_fetch_starts_anew(
    get: Any, served: Served, tmp_path: Path, state: bytes
) -> None:
    served.faults["/x.params"] = [300_000, 0, 0, 0, 0]
    with pytest.raises(DownloadError):
        get()
    next((tmp_path / "cache").glob("*.json")).write_bytes(state)
    assert get().path.read_bytes() == CONTENT
    assert served.requests[-1] == ("/x.params", None)
