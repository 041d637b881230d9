"""A running relay's configuration as its templates' author sees it."""

from relay.authoring.workspace import Reader, Workspace
from relay.config import Config
from relay.rendering import Brand
from relay.resources import resource_dir


def workspace_of(config: Config) -> Workspace:
    """With the readers of every destination. No secret of the configuration is in it."""
    platform, everybody = config.platform, Reader(config.language, config.timezone)
    types = tuple(frozenset(rule.operation_types) for rule in config.rules)
    return Workspace(
        directories=(*([config.templates] if config.templates else ()), resource_dir("templates")),
        base_url=platform.base_url,
        links=platform.link_templates,
        link_hosts=platform.link_hosts,
        brand=Brand(**config.brand.model_dump()),
        reader=everybody,
        destinations={
            name: Reader(its.language or everybody.language, its.timezone or everybody.timezone)
            for name, its in config.destinations.items()
        },
        rules=() if config.dynamic_destinations else types,
    )
