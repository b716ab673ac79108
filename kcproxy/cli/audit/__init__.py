"""``kcproxy audit``: what callers hold, what they used, and the least roles for it."""
