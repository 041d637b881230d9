"""A slip in a command or an option, completion in the shell, and help that fits a terminal."""

import os
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from relay.cli import main
from tests.support.inprocess import relay

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        (("explian", "x.json"), "there is no command explian; did you mean explain?"),
        (("SERVE",), "there is no command SERVE; did you mean serve?"),
        (("dead", "reply"), "there is no command reply; did you mean replay?"),
        (("template", "prevew"), "there is no command prevew; did you mean preview?"),
        (("ops", "retyr"), "there is no command retyr; did you mean retry?"),
        (
            ("digest", "send-now", "x"),
            "there is no `relay digest send-now`: `relay digest DESTINATION --send` sends it",
        ),
        (("config", "shema"), "there is no command shema; did you mean schema?"),
        (("template", "test"), "commit the page that `relay template preview` writes"),
        (("template", "preview", "--serve"), "`relay template preview` writes a page with every message"),
        (("suppressed", "zzz"), "there is no command zzz; expected add or list or remove"),
        (("check", "--lve"), "--live"),
        (("dead", "replay", "--dryrun"), "--dry-run"),
    ],
)
def test_what_was_meant_is_suggested(typed: tuple[str, ...], hint: str) -> None:
    done = relay(*typed)

    assert done.exit_code == 2
    assert hint in done.output


def completion(mode: str, words: str = "") -> str:
    env = {**os.environ, "_RELAY_COMPLETE": mode, "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    program = "from relay.cli import main; main(prog_name='relay')"
    done = subprocess.run([sys.executable, "-c", program], env=env, text=True, capture_output=True, check=False)
    return done.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [("relay ex", ["explain"]), ("relay dead re", ["replay"]), ("relay --ver", ["--version"]),
     ("relay serve --log-l", ["--log-level"])],
)  # fmt: skip
def test_commands_and_options_are_completed(words: str, offered: list[str]) -> None:
    assert [line.partition(",")[2] for line in completion("bash_complete", words).split()] == offered


def every_command(command: click.Command = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner
            yield from every_command(inner, (*path, name))


@pytest.mark.parametrize("path", [*every_command()], ids=" ".join)
def test_help_fits_80_columns_and_explains_each_option(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*path, "--help"], terminal_width=80)

    lines = done.output.splitlines()
    assert max(map(len, lines)) <= 80
    options = lines[lines.index("Options:") + 1 :]
    bare = [option for option, after in zip(options, [*options[1:], ""], strict=True)
            if option.startswith("  -") and "  " not in option.strip() and not after.startswith(" " * 10)]  # fmt: skip
    assert bare == []
