"""The proxy's counters of denials in a registry of the program's own, with the same names, labels and limits."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter

from kcproxy.middleware.locks import Lock
from kcproxy.model import Explanation
from kcproxy.observe.label_limits import ADMIN_ROLES, OTHER, CappedNames, operation_label, proven, role_label
from kcproxy.observe.metric_specs import SPECS, Spec

_MAX_REALMS = 50
_MAX_SERIES = 2000
_SPECS: Mapping[str, Spec] = {spec.name: spec for spec in SPECS}


class DenialCounters:
    """Counts denials. For any number of threads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Raises ValueError if the registry has these counters already."""
        self._denials = _counter("kcproxy_denials_total", registry)
        self._explanations = _counter("kcproxy_explanations_total", registry)
        self._realms = CappedNames(_MAX_REALMS)
        self._seen: set[tuple[str, ...]] = set()
        self._lock = Lock()

    def denied(self, explanation: Explanation) -> None:
        """Count one denial."""
        self._denials.labels(*self._labels(explanation)).inc()
        self._explanations.labels(explanation.verdict.confidence.value).inc()

    def _labels(self, explanation: Explanation) -> tuple[str, ...]:
        target, verdict = explanation.request.target, explanation.verdict
        with self._lock:
            realm = self._realms(target.realm, proven=proven(explanation))
            key = (operation_label(target), realm, verdict.cause.value, role_label(verdict.missing, ADMIN_ROLES), "")
            if key not in self._seen and len(self._seen) >= _MAX_SERIES:
                return ("overflow", OTHER, verdict.cause.value, OTHER, "")
            self._seen.add(key)
            return key


def _counter(name: str, registry: CollectorRegistry) -> Counter:
    spec = _SPECS[name]
    try:
        return Counter(spec.name, spec.help, spec.labels, registry=registry)
    except ValueError as error:
        raise ValueError(
            f"The registry in metrics has {spec.name} already. Make one RefusalExplainer(metrics=…) and pass it as explainer= to every client."
        ) from error
