"""File descriptors of the process: raises the limit as far as the settings need it, and limits connections to the available descriptors.

    needed = client connections + connections to Keycloak, twice (old and new settings after a reload) + admin port + reserve

A process without free descriptors cannot accept connections, so connections alone must not use all of them.
"""

from msgspec import Struct

from kcproxy.errors import SettingsError
from kcproxy.settings import Settings

try:
    import resource
except ImportError:  # Windows, which has no limit of this kind
    resource = None  # type: ignore[assignment]

RESERVE = 64
"""For files, log, history, DNS, the event loop, and connections that are being closed."""
MIN_CONNECTIONS = 16
_SIDE_CONNECTIONS = 8
_UNLIMITED = 1 << 30


class DescriptorPlan(Struct, frozen=True, kw_only=True):
    """``limit``: descriptors of the process. ``max_connections``: client connections that fit, at most ``asked``."""

    limit: int
    asked: int
    max_connections: int

    @property
    def is_lowered(self) -> bool:
        """True if fewer connections fit than the settings allow."""
        return self.max_connections < self.asked


def planned(soft: int, hard: int, *, asked: int, others: int) -> DescriptorPlan:
    """The plan for a process with these limits. ``others``: descriptors for everything except client connections.

    Raises SettingsError if hardly any connection fits.
    """
    soft, hard = _number(soft), _number(hard)
    limit = max(soft, min(hard, asked + others))
    fitting = min(asked, limit - others)
    if fitting < min(asked, MIN_CONNECTIONS):
        least = others + min(asked, MIN_CONNECTIONS)
        have = f"limits.max_connections: this process may have {limit} file descriptors, and needs {others} for other things than client connections"
        raise SettingsError(
            [f"{have}; raise its limit (ulimit -n, LimitNOFILE= of systemd) to at least {least}, or lower upstream.max_connections"]
        )
    return DescriptorPlan(limit=limit, asked=asked, max_connections=fitting)


def others_of(settings: Settings, *, admin_connections: int) -> int:
    """Descriptors that a process with these settings needs for everything except client connections."""
    return 2 * (settings.upstream.max_connections + _SIDE_CONNECTIONS) + admin_connections + RESERVE


def raise_limit(settings: Settings, *, admin_connections: int) -> DescriptorPlan:
    """Raise the soft limit of the process as far as necessary and possible. Returns the plan. Raises SettingsError as ``planned``."""
    others = others_of(settings, admin_connections=admin_connections)
    if resource is None:
        return planned(_UNLIMITED, _UNLIMITED, asked=settings.limits.max_connections, others=others)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    plan = planned(soft, hard, asked=settings.limits.max_connections, others=others)
    if plan.limit > _number(soft):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (plan.limit, hard))
        except (ValueError, OSError):  # the system has a lower bound than the hard limit
            return planned(soft, soft, asked=settings.limits.max_connections, others=others)
    return plan


def _number(limit: int) -> int:
    return _UNLIMITED if resource is not None and limit == resource.RLIM_INFINITY else limit
