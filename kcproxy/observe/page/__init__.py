"""The page for people: HTML that reads without scripts, made on the server, everything escaped."""
