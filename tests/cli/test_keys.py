"""relay keys: the key behind unsubscribe links and buttons, on a running relay."""

from pathlib import Path
from secrets import token_hex

from click.testing import Result

from relay.coordinator import build_sealer
from relay.domain.links import issue
from relay.store import Store
from relay.store.audit import AuditTrail
from relay.store.signing_keys import SigningKeys, name_of
from tests.support.commands import relay
from tests.support.console import stage_config
from tests.support.inprocess import relay_beside
from tests.support.stage import CONFIG, Stage


async def keys(running: Stage, verb: str, *arguments: str) -> Result:
    return await relay_beside("keys", verb, "-c", CONFIG, *arguments, env=running.around.env)


async def test_a_rotation_is_shown_and_audited_and_old_links_work(running_stage: Stage) -> None:
    signing = SigningKeys(running_stage.around.store)
    old = await signing.current()

    done, listed = await keys(running_stage, "rotate", "--keep", "30d"), await keys(running_stage, "list")

    again = SigningKeys(running_stage.around.store)
    new = await again.current()
    assert done.output == f"The new key is {name_of(new)}, in place of {name_of(old)}.\n"
    assert [line.split()[0] for line in listed.output.splitlines()[1:]] == [name_of(new), name_of(old)]
    assert await again.redeem("unsubscribe", issue(old, "unsubscribe", "analysts")) == ("analysts",)
    [act] = await AuditTrail(running_stage.around.store.redis).entries()
    assert (act.action, act.subject, act.outcome) == ("keys rotate", name_of(old), f"now {name_of(new)}")
    assert old.hex() not in done.output + listed.output + str(act)


async def test_data_that_was_written_without_a_key_is_sealed_before_anything_starts_with_one(
    running_stage: Stage, tmp_path: Path
) -> None:
    present = name_of(await SigningKeys(running_stage.around.store).current())
    config = tmp_path / "relay.yaml"
    config.write_text(f"{CONFIG.read_text('utf-8')}\nredis: {{encryption_key: {token_hex(32)}}}\n")

    sealed = await relay("keys", "seal", "-c", config, env=running_stage.around.env)
    url, sealer = running_stage.around.env["RELAY_REDIS_URL"], build_sealer(stage_config(config))
    store = Store.open(url, worker="again", sealer=sealer)
    again = name_of(await SigningKeys(store).current())
    await store.aclose()
    keyless = await relay("keys", "seal", "-c", CONFIG, env=running_stage.around.env)

    assert (sealed.status, "signing key: 1" in sealed.out) == (0, True)
    assert again == present
    assert (keyless.status, "there is no key to seal with" in keyless.err) == (1, True)
