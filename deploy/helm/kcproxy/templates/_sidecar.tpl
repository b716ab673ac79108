{{/*
The sidecar, for the pod template of your own chart. Its context is that of this chart as a dependency: .Subcharts.kcproxy.
README.md has an example.
*/}}

{{- define "kcproxy.sidecar.labels" -}}
kcproxy.io/sidecar: "true"
kcproxy.io/release: {{ .Release.Name | quote }}
{{- end }}

{{/* An entry of initContainers: restartPolicy makes it a sidecar, which starts before the application and ends after it. */}}
{{- define "kcproxy.sidecar.initContainer" -}}
{{- if ne .Values.mode "sidecar" }}
{{- fail "kcproxy.sidecar.initContainer: set the value mode of the dependency to sidecar, or the settings open kcproxy to all pods" }}
{{- end -}}
- name: kcproxy
  restartPolicy: Always
  {{- include "kcproxy.container" . | nindent 2 }}
  ports:
    - {name: kcproxy-metrics, containerPort: 9181}
  resources:
    {{- toYaml .Values.sidecar.resources | nindent 4 }}
  volumeMounts:
    {{- include "kcproxy.volumeMounts" (dict "root" . "prefix" "kcproxy-") | nindent 4 }}
{{- end }}

{{/* Entries of volumes. A secret that is missing does not stop the pod here: kcproxy names the missing file, and the application waits. */}}
{{- define "kcproxy.sidecar.volumes" -}}
{{- include "kcproxy.volumes" (dict "root" . "prefix" "kcproxy-" "secret" (dict "secretName" .Values.secretName "optional" true)) }}
{{- end }}
