"""The documentation site: `docs/` and the pages that are generated for it, built by MkDocs (`make site`)."""
