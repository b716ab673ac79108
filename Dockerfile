# syntax=docker/dockerfile:1
# Two stages: build a virtual environment, then carry only that into a slim image without compilers or package indexes.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/kcproxy \
 && /opt/kcproxy/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY kcproxy ./kcproxy
# The build back end is fetched for this stage only; the package itself needs nothing that is not locked above.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check hatchling \
 && /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /opt/kcproxy/bin/pip install --no-cache-dir --no-deps /wheel/*.whl

FROM python:${PYTHON_VERSION}-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="kcproxy" \
      org.opencontainers.image.description="Explains every 403 of Keycloak's Admin REST API: the missing role, the evidence, the smallest fix" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/kcproxy /opt/kcproxy
ENV PATH=/opt/kcproxy/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# Nobody's user: no shell, no home, and a number, so that Kubernetes can check runAsNonRoot.
USER 65532:65532
EXPOSE 8180 9180
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["kcproxy", "check", "--ready"]
ENTRYPOINT ["kcproxy"]
CMD ["serve", "--config", "/etc/kcproxy/kcproxy.toml"]
