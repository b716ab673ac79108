"""Denials and the record of use in a PostgreSQL database that several instances share. Needs ``kcproxy[postgresql]``."""
