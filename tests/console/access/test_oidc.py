"""Logging in at a provider of OpenID Connect: all that it may say and all that an attacker may make of it."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from relay.console.access.browser import PAGES
from relay.console.access.oidc import LEEWAY, LOOK, UnknownKey, http_session
from relay.console.access.oidc import Provider as Asking
from relay.store import Store
from tests.support.auth import Browser, Page, Served, console, served
from tests.support.clock import Clock
from tests.support.oidc_provider import CLIENT, JANA, KEYS, SECRET, Provider, forged, oidc_provider, unsigned

URL = "http://localhost:8081"
RETURN = f"{PAGES}/oidc/callback"


def settings(provider: Provider, more: str = "operators: [data], viewers: [everybody]", client: str = CLIENT) -> Any:
    return console(
        f"  url: {URL}\n",
        f'  oidc: {{issuer: "{provider.issuer}", client_id: {client}, client_secret: "{SECRET}", {more}}}\n',
    )


@pytest.fixture
async def provider(clock: Clock) -> AsyncIterator[Provider]:
    async with oidc_provider(clock) as running:
        running.redirect = URL + RETURN
        yield running


@pytest.fixture
async def here(provider: Provider, store: Store, clock: Clock) -> AsyncIterator[Served]:
    async with served(settings(provider), store, clock) as running:
        yield running


async def sent_back(browser: Browser, back: str = "/console/now?q=1") -> str:
    """Begin a login, and where the provider sends the browser then: relay's own address, without its host."""
    begun = await browser.get(f"/console/oidc/start?next={back}")
    assert begun.status == 303
    done = await browser.get(begun.location)
    assert done.status == 302, done.text
    assert done.location.startswith(URL)
    return done.location.removeprefix(URL)


async def log_in(browser: Browser) -> Page:
    return await browser.get(await sent_back(browser))


async def refused(here: Served, browser: Browser, why: str) -> None:
    """Nobody is in, the page does not say why, and the log does."""
    with capture_logs() as lines:
        page = await log_in(browser)
    assert page.status == 403
    assert "cannot be trusted" in page.text
    assert why not in page.text
    assert (await browser.get("/console/now")).status == 303
    assert await here.audit() == []
    [line] = [line for line in lines if line["event"] == "audit"]
    assert (line["actor"], line["action"], line["by"]) == ("unknown", "console login", "oidc")
    assert why in line["outcome"]


class TestTheWay:
    async def test_there_and_back(self, here: Served, browser: Browser, provider: Provider) -> None:
        page = await browser.get("/console/login?next=/console/now")
        assert 'href="/console/oidc/start?next=/console/now"' in page.text
        assert "Log in with 127.0.0.1" in page.text

        done = await log_in(browser)

        assert (done.status, done.location) == (303, "/console/now?q=1")
        assert (await browser.get("/console/now")).text.startswith("jana operator oidc csrf=")
        assert provider.refusals == []
        (entry,) = await here.audit()
        assert (entry.actor, entry.outcome, entry.detail["account"]) == ("jana", "in", "u-17")

    async def test_the_secret_goes_as_the_provider_wants_it(self, browser: Browser, provider: Provider) -> None:
        provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]

        assert ((await log_in(browser)).status, provider.refusals) == (303, [])

    async def test_its_cookie_is_for_this_login_alone(self, browser: Browser) -> None:
        begun = await browser.get("/console/oidc/start")
        (line,) = begun.cookies.values()
        assert {part.strip() for part in line.split(";")[1:]} == {
            "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=600",
        }  # fmt: skip
        query = parse_qs(urlsplit(begun.location).query)
        shown = {query[name][0] for name in ("state", "nonce", "code_challenge")}
        assert len(shown) == 3
        assert not [text for text in shown if text in line]


class TestRoles:
    @pytest.mark.parametrize(
        ("groups", "more", "role"),
        [
            (["data"], "operators: [data]", "operator"),
            ("data", "operators: [data]", "operator"),
            (["everybody"], "operators: [data], viewers: [everybody]", "viewer"),
            ([], 'operators: [data], viewers: "*"', "viewer"),
            (None, 'viewers: "*"', "viewer"),
            ({"data": 1}, 'operators: [data], viewers: "*"', "viewer"),
            ([["data"], 1, None], 'operators: [data], viewers: "*"', "viewer"),
            *((groups, "", "") for groups in (["everybody else"], [], ["DATA"], ["*"], "dat", None)),
        ],
    )
    async def test_groups_give_them_and_who_is_of_none_reads_that(
        self, here: Served, browser: Browser, provider: Provider, *, groups: Any, more: str, role: str
    ) -> None:
        here.config = settings(provider, more) if more else here.config
        provider.person = {**JANA, "groups": groups}
        page = await log_in(browser)

        if role:
            assert (await browser.get("/console/now")).text.startswith(f"jana {role} oidc")
        else:
            assert (page.status, (await browser.get("/console/now")).status) == (403, 303)
            assert "jana is of no group that may see this console." in page.text
        assert [entry.outcome for entry in await here.audit()] == (["in"] if role else [])

    async def test_they_are_those_of_the_configuration_at_each_request_and_of_its_client_alone(
        self, here: Served, browser: Browser, provider: Provider
    ) -> None:
        await log_in(browser)
        here.config = settings(provider, "operators: [others], viewers: [everybody]")
        assert (await browser.get("/console/now")).text.startswith("jana viewer")
        for none in (settings(provider, "operators: [others]"), settings(provider, client="another")):
            here.config = none
            assert (await browser.get("/console/now")).status == 303

    async def test_groups_that_the_token_lacks_are_asked_for_but_not_somebody_elses(
        self, here: Served, browser: Browser, provider: Provider
    ) -> None:
        provider.person = {"sub": "u-17"}
        provider.info = {"sub": "u-18", "groups": ["data"]}
        await refused(here, browser, "of somebody else")

        provider.info = {"sub": "u-17", "preferred_username": "jana", "groups": ["data"]}
        assert (await log_in(browser)).status == 303
        assert (await browser.get("/console/now")).text.startswith("jana operator")


class TestAttacks:
    CLAIMS: ClassVar[dict[str, dict[str, Any]]] = {  # None: left out
        "nonce, InvalidClaimError": {"nonce": "x" * 43},
        "nonce, MissingClaimError": {"nonce": None},
        "iss, InvalidClaimError": {"iss": "https://evil.example"},
        "aud, InvalidClaimError": {"aud": "another"},
        "azp, MissingClaimError": {"aud": [CLIENT, "another"]},
        "azp, InvalidClaimError": {"aud": [CLIENT], "azp": "another"},
        "ExpiredTokenError": {"exp": -LEEWAY - 1},
        "too old": {"iat": -86_400},
        "sub, InvalidClaimError": {"sub": ""},
    }

    @pytest.mark.parametrize("why", CLAIMS)
    async def test_an_id_token_that_says_what_it_should_not(
        self, here: Served, browser: Browser, provider: Provider, why: str
    ) -> None:
        def spoilt(claims: dict[str, Any]) -> dict[str, Any]:
            said = {name: claims["iat"] + of if name in ("exp", "iat") else of for name, of in self.CLAIMS[why].items()}
            return {name: value for name, value in (claims | said).items() if value is not None}

        provider.spoil = spoilt
        await refused(here, browser, why)

    @pytest.mark.parametrize(
        ("sign", "why"),
        [
            (unsigned, "UnsupportedAlgorithmError"),
            (forged(alg="HS256"), "UnsupportedAlgorithmError"),
            (forged(alg="RS256", kid="rsa"), "does not publish"),
            (forged(alg="RS256", kid="stranger"), "does not publish"),
            (lambda _: "", "DecodeError"),
            (lambda _: "x" * 200_000, "there is no ID token"),
        ],
        ids=["none", "client-secret", "stranger", "stranger-kid", "empty", "huge"],
    )
    async def test_an_id_token_that_is_not_the_providers(
        self, here: Served, browser: Browser, provider: Provider, sign: Any, why: str
    ) -> None:
        provider.sign = sign

        await refused(here, browser, why)

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            ({"state": ""}, "its state is another"),
            ({"state": "x" * 43}, "its state is another"),
            ({"code": ""}, "no code"),
            ({"code": "", "error": "access_denied"}, "the provider refused: access_denied"),
            ({"code": "", "error": "<b>"}, "the provider refused: no reason"),
            ({"iss": "https://evil.example"}, "of another issuer"),
            ({"iss": ""}, "does not say of which"),
        ],
    )
    async def test_an_answer_that_is_not_the_one_to_this_login(
        self, here: Served, browser: Browser, provider: Provider, answer: dict[str, str], why: str
    ) -> None:
        provider.answer = answer

        await refused(here, browser, why)
        assert "/token" not in provider.asked

    async def test_an_answer_in_another_browser(self, here: Served, browser: Browser) -> None:
        """Somebody is to be logged in as the attacker."""
        back = await sent_back(browser)
        async with here.browser() as other:
            assert (await other.get(back)).status == 403
            await other.get("/console/oidc/start")
            assert (await other.get(back)).status == 403
            assert (await other.get("/console/now")).status == 303

    async def test_an_answer_that_comes_again(self, browser: Browser, provider: Provider) -> None:
        back = await sent_back(browser)
        assert (await browser.get(back)).status == 303

        assert (await browser.get(back)).status == 403
        assert provider.asked.count("/token") == 1  # without the cookie, nobody is asked

    async def test_a_code_that_was_begun_elsewhere(self, here: Served, browser: Browser, provider: Provider) -> None:
        """Its verifier is the other browser's (PKCE)."""
        async with here.browser() as other:
            stolen = parse_qs(urlsplit(await sent_back(other)).query)["code"][0]
        provider.answer = {"code": stolen}

        page = await log_in(browser)
        assert page.status == 503
        assert provider.refusals == ["verifier"]
        assert "<script>" not in page.text


async def test_a_key_that_is_new_is_found_and_not_looked_for_at_will(provider: Provider) -> None:
    clock, oidc = Clock(0), settings(provider).console.oidc
    assert oidc
    http = http_session()
    asking = Asking(oidc, http, clock)
    provider.published = [KEYS["ES256"]]
    assert [key.kid for key in await asking.keys()] == ["ec"]
    provider.published = [*KEYS.values()]
    with pytest.raises(UnknownKey):
        await asking.keys(refresh=True)

    clock.advance(LOOK)

    assert {key.kid for key in await asking.keys(refresh=True)} == {"ec", "rsa"}
    await http.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer", "https://evil.example"), ("token_endpoint", None), ("jwks_uri", "ftp://127.0.0.1/keys"),
        ("authorization_endpoint", ["x"]),
    ],
)  # fmt: skip
async def test_what_a_provider_says_of_itself_is_not_believed(
    browser: Browser, provider: Provider, name: str, value: Any
) -> None:
    provider.metadata = {name: value}
    for _ in range(3):
        page = await browser.get("/console/oidc/start")
        assert (page.status, page.location) == (503, "")

    assert provider.asked == ["/.well-known/openid-configuration"]  # strangers do not have it asked at will
