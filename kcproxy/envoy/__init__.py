"""Explanations for Envoy: its external processor (gRPC), and the same for its Lua filter (plain HTTP)."""
