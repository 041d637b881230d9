"""`redis.url`: which Redis, by its own address or by the Sentinels that name it."""

import pytest

from relay.config import parse_config
from relay.errors import ConfigError
from tests.support.configuration import GOOD, SECRETS, configured, problems, warnings

FAULT = (
    "relay.yaml:1: redis.url: expected the Sentinels and the name of the primary that they watch, "
    "redis+sentinel://[USER:PASSWORD@]HOST:26379,HOST:26379/NAME; in a password, / and ? are %2F and %3F"
)


def with_url(url: str, durability: str = "replicated") -> tuple[str, str]:
    return ("timezone: Europe/Berlin", f'redis: {{url: "{url}", durability: {durability}}}')


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one:26379,two:26379,three:26379/mymaster",
        "redis+sentinel://one/my.master-1_a",
        "redis+sentinel://one:26379/mymaster/3",
        "redis+sentinel://relay:s3cret@one:26379,two/mymaster",
        "redis+sentinel://:s3%2Fcret@10.0.0.1:26379,[::1]:26380/mymaster",
        "rediss+sentinel://one:26379/mymaster?ssl_ca_certs=/etc/ssl/redis.pem&sentinel_password=x%40y",
    ],
)
def test_sentinels_are_taken(url: str) -> None:
    assert configured(GOOD, with_url(url)).redis.url == url


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one:26379",
        "redis+sentinel://one:26379/",
        "redis+sentinel:///mymaster",
        "redis+sentinel://one:26379,/mymaster",
        "redis+sentinel://one:26379;two:26379/mymaster",
        "redis+sentinel://one:99999/mymaster",
        "redis+sentinel://one:port/mymaster",
        "redis+sentinel://one:26379/mymaster/first",
        "redis+sentinel://one:26379/my master",
        "redis+sentinel://relay:s3/cret@one:26379/mymaster",
        "unix+sentinel:///tmp/socket/mymaster",
    ],
)
def test_sentinels_that_are_misspelt_are_refused_with_what_is_expected(url: str) -> None:
    assert problems(with_url(url)) == [FAULT]


def test_a_password_in_it_shows_nowhere() -> None:
    secret = "a-secret-value-that-shows-nowhere"
    good = f"redis+sentinel://relay:{secret}@one:26379/mymaster?sentinel_password={secret}"
    shown = [repr(configured(env=SECRETS | {"RELAY_REDIS_URL": good}))]
    for wrong in (good.replace("/mymaster", ""), good.replace("redis+", "reddis+"), good.replace("26379", "p")):
        with pytest.raises(ConfigError) as refusal:
            parse_config(GOOD, file="relay.yaml", env=SECRETS | {"RELAY_REDIS_URL": wrong}, channels={})
        shown.append(str(refusal.value))

    assert not [text for text in shown if secret in text]


def test_auto_is_warned_of_where_sentinels_may_replace_the_server() -> None:
    url = "redis+sentinel://one:26379/mymaster"

    assert "redis.durability: auto; with Sentinels" in "\n".join(warnings(configured(GOOD, with_url(url, "auto"))))
    assert "redis.durability" not in "\n".join(warnings(configured(GOOD, with_url(url))))
