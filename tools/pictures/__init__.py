"""Pictures for the documentation, drawn from what the programs really print."""
