"""Documents that are written from the code and the data they describe; ``python -m tools.docs`` writes, ``--check`` compares."""
