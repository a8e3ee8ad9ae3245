"""Re-training the cell classifier: from geotagged photos to a model pack.

yfcc and sources read where photos are and where they were taken, rows cleans and splits them,
partition cuts the Earth into classes, shards stores the images, networks, objectives and loop
train, export writes the pack, accuracy and evaluate measure it; stages is the corridor that joins them.
Nothing here is imported by the commands that do not train.
"""
