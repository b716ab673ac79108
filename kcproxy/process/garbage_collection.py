"""Garbage collection around the start: nearly everything that a start makes stays, so collecting in between only costs time."""

import gc


def pause() -> None:
    """Stop automatic collection until ``settle``."""
    gc.disable()


def settle() -> None:
    """Collect once, exclude what exists now from later collections (it stays until the end), and collect automatically from now on."""
    gc.collect()
    gc.freeze()
    gc.enable()
