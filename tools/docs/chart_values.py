"""The values of the Helm chart: each is one declaration, from which values.yaml, its schema and the table in the chart's README follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """``path`` with dots between tables; ``schema`` in JSON Schema (2020-12), without default and description."""

    path: str
    default: Any
    doc: str
    schema: Mapping[str, Any]


_NAME = {"type": "string", "pattern": "^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$"}
"""A name of a Kubernetes object, or nothing."""

_LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
_SWITCH = {"type": "boolean"}
_COUNT = {"type": "integer", "minimum": 1}
_QUANTITIES = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
_RESOURCES = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"requests": _QUANTITIES, "limits": _QUANTITIES},
}

SETTINGS = "settings"
"""Its schema is that of the configuration file."""

VALUES: Sequence[Value] = (
    Value(
        path="mode",
        default="gateway",
        doc="gateway: a Deployment that other pods call. sidecar: only the settings, for the sidecar in the pods of your own chart.",
        schema={"enum": ["gateway", "sidecar"]},
    ),
    Value(
        path="fullnameOverride",
        default="",
        doc="Name of all objects. Default: the name of the release, with -kcproxy if it does not contain that.",
        schema={"type": "string", "pattern": "^([a-z]([a-z0-9-]{0,61}[a-z0-9])?)?$"},
    ),
    Value(
        path="image.repository",
        default="kcproxy",
        doc="Where the image is, without a tag. None is published: build it and push it to your registry.",
        schema={"type": "string", "pattern": "^[a-z0-9][a-z0-9._/:-]*[a-z0-9]$"},
    ),
    Value(
        path="image.tag",
        default="",
        doc="Default: appVersion of the chart.",
        schema={"type": "string", "pattern": "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$"},
    ),
    Value(
        path="image.digest",
        default="",
        doc="sha256:… pins the image. The tag is then for readers only.",
        schema={"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    ),
    Value(
        path="image.pullPolicy",
        default="",
        doc="Default: that of Kubernetes, IfNotPresent unless the tag is latest.",
        schema={"enum": ["", "Always", "IfNotPresent", "Never"]},
    ),
    Value(path="imagePullSecrets", default=[], doc="Secrets for the registry, each as name: NAME. Only in mode gateway.", schema=_OBJECTS),
    Value(
        path=SETTINGS,
        default={"upstream": {"url": "http://keycloak.keycloak.svc:8080"}},
        doc="kcproxy.toml as YAML: every setting of docs/settings.md except listen and metrics_listen, which the chart sets. "
        "In mode gateway, drain_seconds is 20 unless you set it. Secrets are files: settings that end in _file name a key of the "
        "Secret as /var/run/secrets/kcproxy/KEY.",
        schema={},
    ),
    Value(
        path="secretName",
        default="",
        doc="Name of an existing Secret, mounted at /var/run/secrets/kcproxy. The chart contains no secrets. Default: none is mounted.",
        schema=_NAME,
    ),
    Value(
        path="projectedToken.audience",
        default="",
        doc="The issuer of the realm. If set, a token of the pod's service account is mounted as /var/run/secrets/kcproxy-token/token, "
        "for accounts without a secret (assertion_file).",
        schema={"type": "string", "pattern": "^(https?://.+)?$"},
    ),
    Value(
        path="projectedToken.expirationSeconds",
        default=600,
        doc="Lifetime of that token. The kubelet renews it after 80 %.",
        schema={"type": "integer", "minimum": 600, "maximum": 4294967296},
    ),
    Value(
        path="serviceAccountName",
        default="",
        doc="An existing service account for the gateway's pods. Needed only for projectedToken: kcproxy calls no Kubernetes API.",
        schema=_NAME,
    ),
    Value(
        path="runAsUser",
        default=65532,
        doc="User and group of the process and of the secret's files. null leaves them to the platform (OpenShift). Never root.",
        schema={"type": ["integer", "null"], "minimum": 1},
    ),
    Value(
        path="resources",
        default={"requests": {"cpu": "100m", "memory": "96Mi"}, "limits": {"memory": "192Mi"}},
        doc="Resources of the gateway: 400 requests per second for each pod. No CPU limit, on purpose (docs/deploy).",
        schema=_RESOURCES,
    ),
    Value(
        path="replicas",
        default=2,
        doc="Number of pods if autoscaling.enabled is false.",
        schema=_COUNT,
    ),
    Value(
        path="autoscaling.enabled", default=True, doc="A HorizontalPodAutoscaler. It needs the cluster's metrics server.", schema=_SWITCH
    ),
    Value(path="autoscaling.minReplicas", default=2, doc="Least number of pods.", schema=_COUNT),
    Value(path="autoscaling.maxReplicas", default=8, doc="Largest number of pods.", schema=_COUNT),
    Value(
        path="autoscaling.cpuUtilizationPercent",
        default=70,
        doc="A pod is added above this part of the CPU request.",
        schema={"type": "integer", "minimum": 1, "maximum": 100},
    ),
    Value(path="podDisruptionBudget.enabled", default=True, doc="A PodDisruptionBudget.", schema=_SWITCH),
    Value(path="podDisruptionBudget.minAvailable", default=1, doc="Pods that stay when nodes are drained.", schema=_COUNT),
    Value(
        path="networkPolicy.enabled",
        default=True,
        doc="A NetworkPolicy: only named pods may call kcproxy, and kcproxy may call only Keycloak and DNS.",
        schema=_SWITCH,
    ),
    Value(
        path="networkPolicy.clientLabels",
        default={"kcproxy.io/client": "true"},
        doc="Labels of pods, in any namespace, that may call kcproxy.",
        schema=_LABELS | {"minProperties": 1},
    ),
    Value(
        path="networkPolicy.keycloakNamespace",
        default="keycloak",
        doc="Namespace of Keycloak. If Keycloak is outside of the cluster, set it to an empty string, and extraEgress.",
        schema=_NAME,
    ),
    Value(
        path="networkPolicy.keycloakPorts",
        default=[8080, 8443],
        doc="Ports of Keycloak's pods.",
        schema={"type": "array", "items": _PORT, "minItems": 1},
    ),
    Value(
        path="networkPolicy.monitoringNamespace",
        default="monitoring",
        doc="Namespace that may read metrics. An empty string allows none.",
        schema=_NAME,
    ),
    Value(path="networkPolicy.extraIngress", default=[], doc="Further rules for inbound traffic.", schema=_OBJECTS),
    Value(path="networkPolicy.extraEgress", default=[], doc="Further rules for outbound traffic.", schema=_OBJECTS),
    Value(path="service.port", default=8180, doc="Port of the Service.", schema=_PORT),
    Value(
        path="podMonitor.enabled",
        default=False,
        doc="A PodMonitor for the Prometheus operator, whose custom resources have to exist.",
        schema=_SWITCH,
    ),
    Value(
        path="podMonitor.labels",
        default={},
        doc="Labels by which your Prometheus selects monitors, such as release: kube-prometheus-stack.",
        schema=_LABELS,
    ),
    Value(
        path="podMonitor.interval",
        default="30s",
        doc="Time between scrapes.",
        schema={"type": "string", "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "minLength": 2},
    ),
    Value(path="podAnnotations", default={}, doc="Annotations of the gateway's pods.", schema=_LABELS),
    Value(path="priorityClassName", default="", doc="Priority class of the gateway's pods.", schema=_NAME),
    Value(path="nodeSelector", default={}, doc="Node labels of the gateway's pods.", schema=_LABELS),
    Value(path="tolerations", default=[], doc="Tolerations of the gateway's pods.", schema=_OBJECTS),
    Value(
        path="affinity",
        default={},
        doc="Affinity of the gateway's pods. They are spread over zones and nodes in any case.",
        schema={"type": "object"},
    ),
    Value(
        path="extraVolumes",
        default=[],
        doc="Further volumes, for example for history.path or a certificate authority. The root file system is read-only.",
        schema=_OBJECTS,
    ),
    Value(path="extraVolumeMounts", default=[], doc="Where kcproxy's container has them.", schema=_OBJECTS),
    Value(
        path="sidecar.resources",
        default={"requests": {"cpu": "25m", "memory": "80Mi"}, "limits": {"memory": "128Mi"}},
        doc="Resources of a sidecar: a hundred requests per second.",
        schema=_RESOURCES,
    ),
)
