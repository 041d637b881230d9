# Two stages: the first builds a virtual environment from hashed requirements, the second carries nothing but it.
# One container is enough: without RELAY_REDIS_URL it runs its own Redis (Valkey, from a wheel) and keeps the data in
# /data, fsynced before every 2xx. It runs as nobody in particular and writes nowhere else.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/build.txt requirements/run.txt requirements/
# What builds relay is locked as well, and stays in an environment of its own: the one that runs has not even pip.
RUN python -m venv /opt/build && python -m venv --without-pip /opt/relay \
 && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/relay/bin/python install --no-cache-dir --disable-pip-version-check \
      --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY relay relay
COPY templates templates
# By name: what operators keep beside these, a prod.env or a configuration of their own, is not for an image.
COPY config/demo.yaml config/relay.schema.json config/relay.yaml config/
RUN /opt/build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps -w dist . \
 && /opt/build/bin/pip --python /opt/relay/bin/python install --no-cache-dir --disable-pip-version-check \
      --no-index --no-deps dist/*.whl

FROM python:3.13-slim
COPY --from=build /opt/relay /opt/relay
RUN useradd --system --uid 10001 relay && install -d -o relay -g relay -m 700 /data && install -d /etc/relay
ENV PATH=/opt/relay/bin:$PATH PYTHONUNBUFFERED=1 RELAY_DATA_DIR=/data RELAY_CONFIG=/etc/relay/relay.yaml
USER relay
VOLUME /data
EXPOSE 8080
# Able to accept events, by the same configuration that relay serves with.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["relay", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["relay"]
CMD ["serve"]
