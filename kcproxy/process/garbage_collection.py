"""Garbage collection around the start: nearly everything that a start creates stays, so collecting in between only costs time."""

import gc


def pause() -> None:
    """Stop automatic collection until ``settle``."""
    gc.disable()


def settle() -> None:
    """Exclude everything that exists now from collection, because it stays until the end, and collect automatically from now on.

    There is no collection before: it would take a tenth of the start (60 ms) to free less than half a megabyte.
    """
    gc.freeze()
    gc.enable()
