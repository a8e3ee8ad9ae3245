"""The pictures' part of a run as a thing of its own: photos in, rows of what a network says of each out.

Takes paths and a model pack, writes Parquet files that `tag --looked` merges. Knows no index and no places,
so that any number of machines can do a part each, be killed, and be started again.
"""
