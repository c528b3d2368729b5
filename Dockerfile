# The page, with its model: docker build -t beercan-or-bacon .
# docker run --rm --read-only --tmpfs /cache:uid=1000,mode=700 -p 7860:7860 beercan-or-bacon
# The base: Python's own image on Debian, the digest of python:3.13-slim-trixie; another one with Python 3.11 or newer will do.
ARG BASE=docker.io/library/python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285

# hadolint ignore=DL3006
FROM ${BASE} AS packages
COPY requirements.lock /
# wheels only: nothing is compiled, and nobody's set-up script runs. What goes again serves no visitor: pip, the tests of
# pandas and numpy (60 MB), and the page's rendering by Node, which is not here (13 MB)
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement /requirements.lock \
    && /opt/venv/bin/pip uninstall --yes pip \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} + \
    && rm -r /opt/venv/lib/python3*/site-packages/gradio/templates/node

# hadolint ignore=DL3006
FROM ${BASE}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Beer can or bacon?" \
      org.opencontainers.image.description="Beer can, bacon, both or neither, and how sure it is: a page and POST /verdict" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.documentation="docs/hosting.md" \
      org.opencontainers.image.revision="${REVISION}"
RUN useradd --uid 1000 --home-dir /cache --create-home visitor
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY LICENSE NOTICE app.py ./
COPY model/model.onnx model/classifier.json model/
COPY examples/*.jpg examples/
COPY beercan_or_bacon/*.py beercan_or_bacon/
COPY beercan_or_bacon/serving beercan_or_bacon/serving
# compiled now, for the file system is read-only then
RUN /opt/venv/bin/python -m compileall -q app.py beercan_or_bacon
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/cache \
    TMPDIR=/cache/pictures \
    HOST=0.0.0.0 \
    PORT=7860 \
    LOG_REQUESTS=1
USER 1000:1000
VOLUME /cache
EXPOSE 7860
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=35s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/readyz\", timeout=31)"]
# pictures that a page left when it was killed are gone before the next one starts
CMD ["sh", "-c", "rm -rf \"$TMPDIR\" && mkdir -p \"$TMPDIR\" && exec python app.py"]
