"""relay template translate: a language's catalogue, begun or brought up to date."""

import re
from pathlib import Path

import click
from babel import Locale, UnknownLocaleError

from relay.cli.options import refuse, visible
from relay.cli.template import read_workspace, workspace_options
from relay.errors import RelayError, TemplateError
from relay.rendering.catalogue_files import merged
from relay.rendering.checks import translatable
from relay.rendering.template_set import TemplateSet
from relay.rendering.translations import SOURCE, Catalogues

CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")  # it becomes a folder


@click.command(short_help="Write what a language lacks into its catalogue.")
@click.argument("language", metavar="LANG")
@workspace_options
def translate(*, language: str, config: Path | None, templates: Path | None) -> None:
    """Write every text that LANG, for instance fr, lacks into locales/LANG/messages.po of your own templates. What is
    translated there stays as it is; what no template says any more is kept at the end, marked #~.

    Leaves with 1 if the file cannot be read.
    """
    workspace = read_workspace(config, templates)
    if workspace.own is None:
        raise click.UsageError("there are no templates of your own; name their directory with --templates")
    language = _spelled(language, workspace.own / "locales")
    if language == SOURCE:
        problem = "the templates are written in English; change a sentence where it stands"
        raise click.BadParameter(problem, param_hint="LANG")
    file = workspace.own / "locales" / language / "messages.po"
    try:
        if not CODE.fullmatch(language):
            raise TemplateError(f"{language} is no language; expected its code, for instance fr or pt-BR")
        others = Catalogues(workspace.directories[1:])
        sources = [*translatable(TemplateSet(workspace.directories))]
        own = Catalogues(workspace.directories[:1])
        # What comes with relay in this language is repeated here only where the author has another wording.
        needed = [row for row in sources if others.untranslated(language, [(row.context, row.texts[0])])
                  or not own.untranslated(language, [(row.context, row.texts[0])])]  # fmt: skip
        text, catalogue = merged(file, needed, folders=workspace.directories)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    except (RelayError, OSError) as error:
        refuse(error)
    missing = sum(bool(message.id) and not _complete(message.string) for message in catalogue)
    obsolete = f", {len(catalogue.obsolete)} obsolete" if catalogue.obsolete else ""
    click.echo(visible(f"{file}: {len(catalogue)} texts, {missing} to be translated{obsolete}"))


def _spelled(language: str, folder: Path) -> str:
    """As the language's folder is called, or as its code is usually written: of `FR` and `fr` there is one."""
    there = {path.name.replace("_", "-").casefold(): path.name for path in sorted(folder.glob("*/"))}
    try:
        usual = str(Locale.parse(language.replace("-", "_"))).replace("_", "-")
    except (UnknownLocaleError, ValueError):  # which is told where it is read
        return language
    return there.get(language.replace("_", "-").casefold()) or usual


def _complete(translated: str | tuple[str, ...] | list[str] | None) -> bool:
    return bool(translated) if isinstance(translated, str) else all(translated or [""])
