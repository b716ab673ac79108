"""``kcproxy denials``: recent denials of one or several proxies."""
