"""`redis.url`: which Redis, by its own address, by the Sentinels that name it, or by some nodes of a Cluster."""

import pytest

from relay.config import parse_config
from relay.errors import ConfigError
from tests.support.configuration import GOOD, SECRETS, configured, problems, warnings


def with_url(url: str, durability: str = "replicated") -> tuple[str, str]:
    return ("timezone: Europe/Berlin", f'redis: {{url: "{url}", durability: {durability}}}')


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one:26379,two:26379,three:26379/mymaster",
        "redis+sentinel://:s3%2Fcret@10.0.0.1:26379,[::1]:26380/mymaster/3",
        "rediss+sentinel://one:26379/mymaster?ssl_ca_certs=/etc/ssl/redis.pem&sentinel_password=x%40y",
        "redis+cluster://relay:s3%2Fcret@10.0.0.1:6379,[::1]:6380/",
        "rediss+cluster://:s3cret@one:6379?ssl_ca_certs=/etc/ssl/redis.pem",
    ],
)
def test_sentinels_and_clusters_are_taken(url: str) -> None:
    assert configured(GOOD, with_url(url)).redis.url == url


@pytest.mark.parametrize(
    "rest",
    ["one:26379", "/mymaster", "one:26379;two:26379/mymaster", "one:99999/mymaster", "one:26379/mymaster/first",
     "relay:s3/cret@one:26379/mymaster"],
)  # fmt: skip
def test_sentinels_that_are_misspelt_are_refused_with_what_is_expected(rest: str) -> None:
    [fault] = problems(with_url(f"redis+sentinel://{rest}"))

    assert fault.startswith("relay.yaml:1: redis.url: expected redis://")
    assert "redis+sentinel://[USER:PASSWORD@]HOST:26379,HOST:26379/NAME" in fault
    assert rest not in fault


@pytest.mark.parametrize(
    ("good", "wrong"),
    [
        ("redis+sentinel://relay:SECRET@one:26379/mymaster?sentinel_password=SECRET", ("redis+", "reddis+")),
        ("redis+sentinel://relay:SECRET@one:26379/mymaster?sentinel_password=SECRET", ("26379", "p")),
        ("redis+cluster://relay:SECRET@one:6379", ("6379", "p")),
        ("redis+cluster://relay:SECRET@one:6379", ("redis+", "reddis+")),
    ],
)
def test_a_password_in_it_shows_nowhere(good: str, wrong: tuple[str, str]) -> None:
    secret = "a-secret-value-that-shows-nowhere"
    good = good.replace("SECRET", secret)
    with pytest.raises(ConfigError) as refusal:
        parse_config(GOOD, file="relay.yaml", env=SECRETS | {"RELAY_REDIS_URL": good.replace(*wrong)}, channels={})

    assert secret not in repr(configured(env=SECRETS | {"RELAY_REDIS_URL": good}))
    assert secret not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "where"),
    [("redis+sentinel://one:26379/mymaster", "with Sentinels"), ("redis+cluster://one:6379", "on a Cluster")],
)
def test_auto_is_warned_of_where_a_replica_may_replace_the_server(url: str, where: str) -> None:
    assert f"redis.durability: auto; {where}" in "\n".join(warnings(configured(GOOD, with_url(url, "auto"))))
    assert "redis.durability" not in "\n".join(warnings(configured(GOOD, with_url(url))))
