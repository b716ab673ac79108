"""One line about a 2xx that contains less than it could. `notice` decides; the other modules know one response each."""
