# Two stages: the first builds a virtual environment from hashed requirements, the second carries nothing but it.
# One container is enough: without RELAY_REDIS_URL it runs its own Redis (Valkey, from a wheel) and keeps the data in
# /data, fsynced before every 2xx. It runs as nobody in particular and writes nowhere else.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/run.txt requirements/
RUN python -m venv /opt/relay \
 && /opt/relay/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md ./
COPY relay relay
COPY templates templates
COPY config config
RUN /opt/relay/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM python:3.13-slim
COPY --from=build /opt/relay /opt/relay
RUN useradd --system --uid 10001 relay && install -d -o relay -g relay -m 700 /data && install -d /etc/relay
ENV PATH=/opt/relay/bin:$PATH PYTHONUNBUFFERED=1 RELAY_DATA_DIR=/data RELAY_CONFIG=/etc/relay/relay.yaml
USER relay
VOLUME /data
EXPOSE 8080
# Alive and able to accept; the shell's own tools are not needed for it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["relay"]
CMD ["serve"]
