READING = 4
"""Which reading of facts this is. Raised by a change of this room, or of the reading of sidecars, after which
facts of photos differ that did not change: the next survey then reads them anew."""
