{{- define "etcd-ipam.image" -}}
{{- if .Values.image.registry }}{{ .Values.image.registry }}/{{ end }}{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}
{{- else }}:{{ if .Values.image.tag }}{{ .Values.image.tag }}{{ else }}{{ .Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "etcd-ipam.pull-secrets" -}}
{{- if .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml .Values.imagePullSecrets | nindent 2 }}
{{- end }}
{{- end }}

{{- define "etcd-ipam.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "etcd-ipam.nobody" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "etcd-ipam.ipamctl-variables" -}}
- name: IPAMCTL_ENDPOINTS
  valueFrom:
    configMapKeyRef:
      name: etcd-ipam
      key: endpoints
- name: IPAMCTL_SERVER_NAME
  valueFrom:
    configMapKeyRef:
      name: etcd-ipam
      key: server_name
- name: IPAMCTL_PREFIX
  valueFrom:
    configMapKeyRef:
      name: etcd-ipam
      key: prefix
{{- end }}

{{- define "etcd-ipam.ipamctl-certificates" -}}
- name: IPAMCTL_CA_FILE
  value: /tls/ca.crt
- name: IPAMCTL_CERT_FILE
  value: /tls/tls.crt
- name: IPAMCTL_KEY_FILE
  value: /tls/tls.key
{{- end }}

{{- define "etcd-ipam.installer" -}}
image: {{ include "etcd-ipam.image" . }}
command: [/ipamctl]
env:
  - name: NODENAME
    valueFrom:
      fieldRef:
        fieldPath: spec.nodeName
  {{- include "etcd-ipam.ipamctl-variables" . | nindent 2 }}
  - name: IPAMCTL_CLUSTER
    valueFrom:
      configMapKeyRef:
        name: etcd-ipam
        key: cluster
  # Not there before the Job has created the store; the pod waits for it.
  - name: IPAMCTL_STORE_ID
    valueFrom:
      configMapKeyRef:
        name: etcd-ipam-store
        key: store_id
  {{- include "etcd-ipam.ipamctl-certificates" . | nindent 2 }}
resources:
  {{- toYaml .Values.node.resources | nindent 2 }}
securityContext:
  privileged: false
  {{- include "etcd-ipam.confined" . | nindent 2 }}
volumeMounts:
  - name: bin
    mountPath: /host/bin
  - name: conf
    mountPath: /host/conf
  - name: tls
    mountPath: /tls
    readOnly: true
  - name: settings
    mountPath: /settings
    readOnly: true
{{- end }}
