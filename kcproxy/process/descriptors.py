"""File descriptors of the process: the limit is raised as far as the settings need it, and the bound on connections fits into what there is.

    needed = connections of callers + connections to Keycloak, twice (old and new settings after a reload) + admin port + reserve

A process that has used up its descriptors cannot accept anybody; so it never comes to that by connections alone.
"""

import resource
from dataclasses import dataclass

from kcproxy.errors import SettingsError
from kcproxy.settings import Settings

RESERVE = 64
"""For files, the log, the history, DNS, the event loop, and connections that are about to be closed."""
MIN_CONNECTIONS = 16
_SIDE_CONNECTIONS = 8
_UNLIMITED = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptorPlan:
    """``limit``: descriptors that the process may have. ``max_connections``: connections of callers that fit, at most those ``asked`` for."""

    limit: int
    asked: int
    max_connections: int

    @property
    def is_lowered(self) -> bool:
        """Whether fewer connections fit than the settings ask for."""
        return self.max_connections < self.asked


def planned(soft: int, hard: int, *, asked: int, others: int) -> DescriptorPlan:
    """The plan for a process with these limits, ``others`` being what it needs beside connections of callers.

    SettingsError where hardly a connection fits.
    """
    soft, hard = _number(soft), _number(hard)
    limit = max(soft, min(hard, asked + others))
    fitting = min(asked, limit - others)
    if fitting < min(asked, MIN_CONNECTIONS):
        least = others + min(asked, MIN_CONNECTIONS)
        have = (
            f"limits.max_connections: this process may have {limit} file descriptors, and {others} are needed beside callers' connections"
        )
        raise SettingsError(
            [f"{have}; raise its limit (ulimit -n, LimitNOFILE= of systemd) to {least} at least, or lower upstream.max_connections"]
        )
    return DescriptorPlan(limit=limit, asked=asked, max_connections=fitting)


def others_of(settings: Settings, *, admin_connections: int) -> int:
    """Descriptors that a process with these settings needs beside connections of callers."""
    return 2 * (settings.upstream.max_connections + _SIDE_CONNECTIONS) + admin_connections + RESERVE


def raise_limit(settings: Settings, *, admin_connections: int) -> DescriptorPlan:
    """Raise the process's soft limit towards the hard one as far as needed, as servers do; what fits into it. SettingsError as ``planned``."""
    others = others_of(settings, admin_connections=admin_connections)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    plan = planned(soft, hard, asked=settings.limits.max_connections, others=others)
    if plan.limit > _number(soft):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (plan.limit, hard))
        except (ValueError, OSError):  # a system with a bound of its own below the hard limit
            return planned(soft, soft, asked=settings.limits.max_connections, others=others)
    return plan


def _number(limit: int) -> int:
    return _UNLIMITED if limit == resource.RLIM_INFINITY else limit
