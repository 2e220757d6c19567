# One image for worker, sink and the rest of the command: `docker build -t handrail:0.1.0 .`
#
# The base is pinned by its version. To pin the bytes too, ask for its digest and give it to the build:
#   docker buildx imagetools inspect python:3.11.14-slim-bookworm
#   docker build --build-arg PYTHON=python:3.11.14-slim-bookworm@sha256:… -t handrail:0.1.0 .
#
# `--build-arg COMPILED=true` compiles its fold (docs/compiled.md).
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY handrail handrail
COPY infra/compile.py infra/compile.py
ARG COMPILED=false
RUN if [ "${COMPILED}" = true ]; then \
      apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev; \
    fi
RUN export HATCH_BUILD_HOOK_ENABLE_CUSTOM=${COMPILED} \
    && python -m venv /opt/handrail \
    && /opt/handrail/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt ".[server]"

FROM ${PYTHON}
RUN groupadd --gid 10001 handrail \
    && useradd --uid 10001 --gid handrail --no-create-home --shell /usr/sbin/nologin handrail \
    && install --directory --owner handrail --group handrail /data /keys
COPY --from=build /opt/handrail /opt/handrail
ENV PATH=/opt/handrail/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
# Worker and sink answer where they are started with `--http 0.0.0.0:9464`. There is no curl in a slim image.
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:9464/healthz', timeout=4)"]
ENTRYPOINT ["handrail"]
CMD ["--help"]
