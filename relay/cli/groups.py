"""Groups of commands that know what was meant by a name with a slip in it."""

from difflib import get_close_matches

import click


class Group(click.Group):
    """A group that names the command that was probably meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            names = self.list_commands(ctx)
            meant = get_close_matches(args[0].casefold(), names, n=1)
            hint = f"did you mean {meant[0]}?" if meant else f"expected {' or '.join(names)}"
            raise click.UsageError(f"there is no command {args[0]}; {hint}", ctx) from None
