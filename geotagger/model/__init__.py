"""What a model is: the pack on disk, the catalogue of published ones, importing MXNet files."""
