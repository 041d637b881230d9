"""Groups of commands that know what was meant by a name with a slip in it."""

from difflib import get_close_matches

import click

from relay.cli.client import ClientCommand

FEW = 5  # so many names are read in a line; of more, the help says what each is for


class Group(click.Group):
    """A group that names the command that was probably meant. Its bare name lists, where there is a list."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        lists = not ctx.resilient_parsing and isinstance(self.commands.get("list"), ClientCommand)
        return super().parse_args(ctx, ["list"] if lists and not args else args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            names = self.list_commands(ctx)
            meant = get_close_matches(args[0].casefold(), names, n=1)
            every = f"expected {' or '.join(names)}" if len(names) <= FEW else f"`{ctx.command_path} --help` lists them"
            hint = f"did you mean {meant[0]}?" if meant else every
            raise click.UsageError(f"there is no command {args[0]}; {hint}", ctx) from None
