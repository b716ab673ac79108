"""The test suites of the HTTP clients themselves, with the middleware in and without it. ``python -m bench.client_suites --write`` runs them."""
