{{/* What the gateway's pod and a sidecar have in common. */}}

{{/* Probes ask whether kcproxy can serve, not whether Keycloak is up: an outage of Keycloak must not take pods out of rotation. */}}
{{- define "kcproxy.container" -}}
image: {{ include "kcproxy.image" . | quote }}
{{- with .Values.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
args: ["serve", "--config", "/etc/kcproxy/kcproxy.toml"]
startupProbe:
  httpGet: {path: /readyz, port: kcproxy-metrics}
  periodSeconds: 1
  failureThreshold: 30
readinessProbe:
  httpGet: {path: /readyz, port: kcproxy-metrics}
  periodSeconds: 5
livenessProbe:
  httpGet: {path: /healthz, port: kcproxy-metrics}
  periodSeconds: 10
  failureThreshold: 3
securityContext:
  runAsNonRoot: true
  {{- with .Values.runAsUser }}
  runAsUser: {{ . | int64 }}
  runAsGroup: {{ . | int64 }}
  {{- end }}
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Complete folders: a subPath mount would never be updated. Arguments: root, prefix of the names. */}}
{{- define "kcproxy.volumeMounts" -}}
- {name: {{ .prefix }}settings, mountPath: /etc/kcproxy, readOnly: true}
{{- if .root.Values.secretName }}
- {name: {{ .prefix }}secret, mountPath: /var/run/secrets/kcproxy, readOnly: true}
{{- end }}
{{- if .root.Values.projectedToken.audience }}
- {name: {{ .prefix }}token, mountPath: /var/run/secrets/kcproxy-token, readOnly: true}
{{- end }}
{{- with .root.Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Arguments: root, prefix of the names, the Secret's volume source. */}}
{{- define "kcproxy.volumes" -}}
- name: {{ .prefix }}settings
  configMap: {name: {{ include "kcproxy.fullname" .root | quote }}}
{{- if .root.Values.secretName }}
- name: {{ .prefix }}secret
  secret: {{ toJson .secret }}
{{- end }}
{{- with .root.Values.projectedToken }}
{{- if .audience }}
- name: {{ $.prefix }}token
  projected:
    sources:
      - serviceAccountToken:
          path: token
          audience: {{ .audience | quote }}
          expirationSeconds: {{ .expirationSeconds | int64 }}
{{- end }}
{{- end }}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
