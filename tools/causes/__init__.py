"""The documentation page of each cause, put together from what the diagnosis itself says and from what it says of a reported case."""
