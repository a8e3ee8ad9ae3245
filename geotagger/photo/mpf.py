"""The multi-picture index of a JPEG (CIPA DC-007): where a camera keeps its large previews.

Takes the index's TIFF block, gives offsets and lengths of the pictures that call themselves large
thumbnails of the main one. Gain maps, disparity and panorama parts are none.
"""

import struct

_ENTRIES = 0xB002
_ENTRY_BYTES = 16
_TYPE_MASK = 0x00FFFFFF
_LARGE_THUMBNAILS = frozenset({0x010001, 0x010002})
"""Class 1 (VGA equivalent) and class 2 (full HD equivalent), DC-007 §5.2.3.3.1."""

_MOST_IMAGES = 100


def large_thumbnails(block: bytes, block_offset: int) -> list[tuple[int, int]]:
    """Offset in the file and length of each. `block_offset` is where the block stands in the file:
    the index counts from there."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return []
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for i in range(min(count, 50)):
            tag, _, length, where = struct.unpack_from(order + "HHII", block, start + 2 + 12 * i)
            if tag == _ENTRIES:
                images = min(length // _ENTRY_BYTES, _MOST_IMAGES)
                rows = [
                    struct.unpack_from(order + "III", block, where + _ENTRY_BYTES * image)
                    for image in range(images)
                ]
                return [
                    (block_offset + offset, size)
                    for kind, size, offset in rows
                    if kind & _TYPE_MASK in _LARGE_THUMBNAILS and offset > 0
                ]
    except struct.error:
        pass  # an index that points outside itself has no previews
    return []
