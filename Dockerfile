# Two stages: build a virtual environment, then copy only that into a slim image without compilers and package indexes.
# The base image is pinned: only the digest counts, the tag is for readers. It is the index of all platforms, as docker-library/repo-info recorded it on
# 2026-08-25. docs/deploy/image.md says how to update it. There is no syntax line, because it would run another image; the builder's own syntax is enough.
# To use another base image (from a mirror, or hardened): --build-arg BASE=…@sha256:…. It needs Python 3.11 or later in /usr/bin or /usr/local/bin.
ARG BASE=python:3.11.16-slim-trixie@sha256:be1575ed968de893bd54f4c56315ff7c4736ce522c1bca08fd521731aafc0d76

FROM ${BASE} AS build
WORKDIR /src
# requirements.extras.lock also has what ext-proc (gRPC), a PostgreSQL history and OpenTelemetry need.
ARG LOCK=requirements.lock
COPY requirements.lock requirements.extras.lock requirements.build.lock ./
RUN python -m venv /opt/kcproxy \
 && /opt/kcproxy/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: -r "${LOCK}"
# The build back end stays in this stage.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: -r requirements.build.lock
COPY pyproject.toml README.md LICENSE ./
COPY kcproxy ./kcproxy
COPY docs/man ./docs/man
RUN /opt/build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-index --no-build-isolation --wheel-dir /wheel . \
 && /opt/kcproxy/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-index /wheel/kcproxy-*.whl \
 && /opt/kcproxy/bin/pip check --disable-pip-version-check \
 && /opt/kcproxy/bin/pip uninstall --disable-pip-version-check --yes --quiet pip setuptools

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="kcproxy" \
      org.opencontainers.image.description="Explains every 403 of Keycloak's Admin REST API: the missing role, the evidence, the least-privilege fix" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/kcproxy /opt/kcproxy
ENV PATH=/opt/kcproxy/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# A user without shell and home, as a number, so that Kubernetes can check runAsNonRoot.
USER 65532:65532
EXPOSE 8180 9180
STOPSIGNAL SIGTERM
# Asks the admin port of the process that runs here, whether a file, a variable or a flag configures it.
HEALTHCHECK --interval=15s --timeout=10s --start-period=15s CMD ["kcproxy", "check", "--ready", "--of-process", "1"]
ENTRYPOINT ["kcproxy"]
CMD ["serve", "--config", "/etc/kcproxy/kcproxy.toml"]
