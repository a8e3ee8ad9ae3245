"""The quick look at a changed packet never says more than reading both packets does."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.metadata import xmp
from geotagger.metadata.containers import layout_of
from geotagger.metadata.layout import RefusedError
from geotagger.metadata.rdf import XmpError
from geotagger.metadata.source import MemorySource
from geotagger.metadata.splice import spliced
from tests.metadata.conftest import ESTIMATE

_PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><{p}RDF xmlns{q}="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<{p}Description {p}about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="a">'
    "<dc:title>b</dc:title></{p}Description>{end}</{p}RDF></x:xmpmeta>"
)
PACKETS = [
    _PACKET.format(p="rdf:", q=":rdf", end="").encode(),
    _PACKET.format(p="rdf:", q=":rdf", end="\n ").encode(),
    _PACKET.format(p="r:", q=":r", end="<!-- c -->\r\n").encode(),
]


@pytest.mark.parametrize("old", PACKETS)
def test_a_node_of_ours_is_recognised(old: bytes) -> None:
    for splices in (xmp.with_mark(old, ESTIMATE), xmp.with_position(old, ESTIMATE)):
        new = spliced(old, splices)
        assert xmp.only_gained_ours(old, new)
        assert xmp.others(old) == xmp.others(new)


@given(st.sampled_from(PACKETS), st.data())
def test_what_is_recognised_has_the_same_other_fields(old: bytes, data: st.DataObject) -> None:
    new = bytearray(spliced(old, xmp.with_mark(old, ESTIMATE)))
    at = data.draw(st.integers(0, len(new)))
    new[at : at + data.draw(st.integers(0, 4))] = data.draw(
        st.sampled_from((b"", b"x", b"<dc:x>y</dc:x>", b"</rdf:RDF>", b'" dc:y="1', b"<", b"&"))
        | st.binary(max_size=3)
    )
    with contextlib.suppress(XmpError):
        if xmp.only_gained_ours(old, bytes(new)):
            assert xmp.others(old) == xmp.others(bytes(new))


def test_real_packets_that_gain_a_mark_are_recognised(shared_data: Path) -> None:
    seen = 0
    for photo in sorted((shared_data / "photos").rglob("*.jp*g")):
        try:
            packets = layout_of(MemorySource(photo.read_bytes()), photo.name).packets
        except RefusedError:
            continue
        for packet in packets:
            with contextlib.suppress(XmpError):
                new = spliced(packet, xmp.with_mark(packet, ESTIMATE))
                assert xmp.only_gained_ours(packet, new) or xmp.is_marked(packet)
                assert xmp.others(packet) == xmp.others(new)
                seen += 1
    assert seen > 50
