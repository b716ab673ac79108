{{/* Names and labels. */}}

{{- define "kcproxy.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else if contains .Chart.Name .Release.Name }}
{{- .Release.Name | replace "." "-" | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name .Chart.Name | replace "." "-" | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "kcproxy.selectorLabels" -}}
app.kubernetes.io/name: kcproxy
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "kcproxy.labels" -}}
{{ include "kcproxy.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | quote }}
{{- end }}

{{- define "kcproxy.metadata" -}}
name: {{ include "kcproxy.fullname" . | quote }}
namespace: {{ .Release.Namespace | quote }}
labels:
  {{- include "kcproxy.labels" . | nindent 2 }}
{{- end }}

{{/* A digest identifies the image, and the tag is then for readers only. */}}
{{- define "kcproxy.image" -}}
{{- with .Values.image -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}
