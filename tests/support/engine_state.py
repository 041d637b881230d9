"""The records of the engine: all that a state may hold."""

from relay.engine.state import Record
from relay.engine.step import step

ENGINE = step.__module__.rpartition(".")[0]  # all of which is imported with this
RECORDS = [kind for kind in Record.__subclasses__() if kind.__module__.startswith(f"{ENGINE}.")]
