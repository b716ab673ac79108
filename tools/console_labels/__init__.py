"""The labels of the Admin console, read from the distributions themselves."""
