"""The pure core: from the facts of a refused request to its explanation. Imports nothing here, see ``kcproxy/__init__.py``."""
