"""Measure what fine-grained admin permissions (version 2) open: which types, scopes and objects each operation takes."""
