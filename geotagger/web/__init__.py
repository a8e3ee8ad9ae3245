"""Review on a map: a page on this machine, for its owner alone.

`door` lets nobody else in; `reading` and `acting` answer; `pictures` and `basemap` draw; `serving` starts it.
Takes the index and what the owner decides, gives JSON and pictures. What becomes of a decision is the affair
of `geotagger.tag.decisions`.
"""
