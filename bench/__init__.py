"""What forwarding costs: kcproxy beside its peers, measured on the machine at hand. ``python -m bench --help``."""
