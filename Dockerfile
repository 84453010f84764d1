# taskdock in a container, beside the engine of the machine or one of its own: docs/in-a-container.md.
ARG BASE=python:3.12-slim
FROM ${BASE}

COPY . /source
# With the versions and hashes of constraints/; what builds taskdock is left out of the image.
RUN pip install --no-cache-dir --require-hashes -r /source/constraints/run.txt \
 && pip install --no-cache-dir --require-hashes --target /build -r /source/constraints/build.txt \
 && PYTHONPATH=/build pip install --no-cache-dir --no-deps --no-build-isolation --no-index /source \
 && rm -rf /build

# What containers get of the server, code and sockets, is in /data, so the engine has to know that
# folder too: it is a volume, also where nobody says so.
ENV TASKDOCK_HOST=0.0.0.0 \
    TASKDOCK_DATA_DIR=/data \
    XDG_CACHE_HOME=/data/cache \
    PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://localhost:8080/health')"]

ENTRYPOINT ["taskdock"]
CMD ["serve"]
