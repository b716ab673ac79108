"""Generates the configuration of Envoy for ``kcproxy ext-proc``: files in ``deploy/envoy/``."""
