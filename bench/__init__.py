"""The cost of forwarding: kcproxy and other proxies, measured on this machine. See ``python -m bench --help``."""
