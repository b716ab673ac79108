"""A second, deliberately different opinion on the measured tables: plain calls on a fresh realm, refused or not, compared cell by cell."""
