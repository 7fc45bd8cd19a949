# Telemetra for those who have a container engine. compose.yaml gives it a PostgreSQL and a Redis; without their
# settings it would start embedded ones, whose data goes with the container.
FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements ./requirements
RUN python -m venv /opt/telemetra \
    && /opt/telemetra/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/run.lock
COPY pyproject.toml hatch_build.py README.md ./
COPY src ./src
COPY alembic ./alembic
RUN /opt/telemetra/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home telemetra
COPY --from=build /opt/telemetra /opt/telemetra
ENV PATH=/opt/telemetra/bin:$PATH HOST=0.0.0.0 PORT=8000 LOG_FORMAT=json PYTHONUNBUFFERED=1
USER telemetra
WORKDIR /home/telemetra
EXPOSE 8000
STOPSIGNAL SIGTERM
# Whether the process lives: who restarts by it must not do so because a database is away. To route by: /api/v1/health.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=2)"]
CMD ["telemetra", "serve"]
