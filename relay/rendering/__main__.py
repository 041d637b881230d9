"""Compile relay's own templates into the folder that a running relay reads: `python -m relay.rendering`, at setup."""

import marshal
import shutil

from relay.rendering import compiled
from relay.rendering.template_set import TemplateSet
from relay.resources import resource_dir


def main() -> None:
    shutil.rmtree(compiled.FOLDER, ignore_errors=True)
    TemplateSet([resource_dir("templates")]).compile_all()
    compiled.FOLDER.mkdir(parents=True)
    for key, code in compiled.COMPILED.items():
        compiled.place_of(key).write_bytes(marshal.dumps(code))


if __name__ == "__main__":
    main()
