"""The closed loop of permissions: each call is refused, its first fix is run as printed, it passes, and other objects stay refused."""
