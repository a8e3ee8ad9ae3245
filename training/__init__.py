"""Re-training the cell classifier: from geotagged photos to a model pack.

    data    where photos are and where they were taken, cleaned and split; images stored as shards
    fit     networks, objectives, the loop: weights
    pack    the pack written and measured; any pack measured on a labelled set

Each imports only what stands above it; stages, fitting and packing are the corridor that joins them.
Nothing here is imported by the commands that do not train.
"""
