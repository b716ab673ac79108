"""``kcproxy doctor``: why a service account is refused, by look-ups."""
