"""``kcproxy roles``: the role table, read in both directions, and the least roles for a list of calls."""
