"""Recent denials: grouped, stored, followed and merged."""
