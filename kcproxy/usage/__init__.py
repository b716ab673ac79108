"""The record of use: who called which operation, how it ended, and what follows for their roles. Pure: no I/O, no clock."""
