"""The templates of the dashboard, and the filters that they use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from taskdock.web.ui.rendering import words

_FOLDER = Path(__file__).parent.parent / "templates"

# Everything is escaped, whatever a template is called: names, events and logs are anybody's words.
environment = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
environment.filters.update(
    duration=words.duration,
    megabytes=words.megabytes,
    size=words.size,
    grouped=words.grouped,
    pretty=words.pretty,
    short=words.short,
    shell=words.shell,
    words=words.words,
    without_ids=words.without_ids,
)


def render(template: str, **values: Any) -> str:
    return environment.get_template(template).render(**values)
