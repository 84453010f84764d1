"""Sentences for calls that are not as their command takes them: an option that there is not, a
value of the wrong kind, a missing argument. All that is wrong with a call is told at once.

The command's parser stops at the first fault, and its words are a library's. So the words of the
call are read again here, one parameter at a time.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

_JSON_IN_QUOTES = """; in a shell JSON stands in single quotes: -d '{"name": "Ada"}'"""


def explained(error: click.UsageError, context: click.Context, words: Sequence[str]) -> str:
    """Everything that is wrong with the call. `context`: of the command, whose words `words` are,
    without its name."""
    found = list(_faults(context, words))
    if found:
        return "; ".join(found)
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{_name(error.param, words)}: {error.message}"
    return error.message


def led_back(message: str, params: Sequence[click.Parameter], words: Sequence[str]) -> str:
    """A server's message, with the parameters of the call in place of the request's fields. A field
    that the call does not give keeps its name: it is from a file."""
    given = {}
    for param in params:
        if isinstance(param, click.Argument) and param.name in _FIELDS:
            given[_FIELDS[param.name]] = param.human_readable_name
        elif any(_is_use(word, option) for word in words for option in param.opts):
            for name in (param.name or "", *(option.lstrip("-") for option in param.opts)):
                first, *rest = re.split("[_-]", name)
                given["".join([first, *map(str.capitalize, rest)])] = _name(param, words)
    return _FIELD.sub(lambda found: given.get(found[0], found[0]), message)


_FIELD = re.compile(r"(?:^|(?<=; ))[a-z][A-Za-z]*(?=:? )")
_FIELDS = {"event_type": "eventTypes", "time": "moveTo"}  # of arguments


def unknown_command(group: click.Context, name: str, known: Sequence[str]) -> str:
    """The sentence for a command that a group does not have."""
    close = difflib.get_close_matches(name, known, n=2)
    if close:
        return f"there is no command {name!r}; did you mean {' or '.join(close)}?"
    if len(known) > _FEW:
        return f"there is no command {name!r}; see: {group.command_path} --help"
    return f"there is no command {name!r}; {group.command_path} has {_listed(known, 'and')}"


_FEW = 8  # commands that are listed in a sentence


def _faults(context: click.Context, words: Sequence[str]) -> Iterator[str]:
    """A sentence for each fault of the call."""
    remaining, unknown = list(words), []
    while True:
        try:
            given, rest, _ = context.command.make_parser(context).parse_args(list(remaining))
            break
        except click.NoSuchOption as error:
            option = error.option_name
            unknown.append(option)
            remaining = [word for word in remaining if not _is_use(word, option)]
        except click.BadOptionUsage as error:
            yield _half_an_option(context, error.option_name)
            return
    missing = []
    for param in context.command.get_params(context):
        is_given, value = _raw(context, param, given.get(param.name or ""))
        if is_given:
            yield from _bad_value(context, param, value, words)
        elif param.required and (isinstance(param, click.Option) or not unknown):
            missing.append(_written(context, param))
    is_too_long = rest and not unknown and not context.allow_extra_args
    if is_too_long:
        yield _too_many(rest, words)
    if missing:
        yield f"{_listed(missing, 'and')} {'are' if missing[1:] else 'is'} missing"
    if missing or is_too_long:
        yield f"the call is: {_call(context)}"
    for option in unknown:
        yield _no_option(context, option)


def _is_use(word: str, option: str) -> bool:
    """Whether the word is this option, which stands alone, with its value, or among short ones."""
    short = not option.startswith("--") and not word.startswith("--")
    return word.partition("=")[0] == option or (
        short and word[:1] == "-" and word[1:2].isalpha() and option.lstrip("-") in word
    )


def _no_option(context: click.Context, option: str) -> str:
    known = [name for param in _options(context) for name in (*param.opts, *param.secondary_opts)]
    close = difflib.get_close_matches(option, known, n=1)
    advice = f"did you mean {close[0]}?" if close else f"see: {_help(context)}"
    return f"{context.command_path} has no option {option}; {advice}"


def _half_an_option(context: click.Context, name: str) -> str:
    """An option without its value, or a flag with one."""
    option = next((one for one in _options(context) if name in one.opts), None)
    if option is None or option.is_flag:
        return f"{name} takes no value"
    return f"{name} needs a value: {_allowed(context, option)}"


def _raw(context: click.Context, param: click.Parameter, value: Any) -> tuple[bool, Any]:
    """Whether the call gives this parameter, and the text that it gives, which may be the text of a
    variable."""
    if isinstance(value, (str, bool, int, list)) or (isinstance(value, tuple) and value):
        return True, value
    of_variable = param.value_from_envvar(context)
    return of_variable is not None, of_variable


def _bad_value(
    context: click.Context, param: click.Parameter, value: Any, words: Sequence[str]
) -> Iterator[str]:
    is_several = isinstance(value, (list, tuple)) and not isinstance(param.type, click.Tuple)
    for each in value if is_several else [value]:
        name = _name(param, words)
        if isinstance(param.type, click.File):  # it would be opened
            fault = None if each == "-" else _file_fault(str(each))
            yield from [f"{name}: {fault}"] if fault else []
            continue
        try:
            param.type(each, param, context)
        except click.BadParameter as error:
            if isinstance(param.type, click.Path):
                yield f"{name}: {_path_fault(str(each), param.type) or error.message}"
            else:
                yield f"{name} has to be {_allowed(context, param)}, not {str(each)[:80]!r}"


def _path_fault(text: str, kind: click.Path) -> str | None:
    if not kind.file_okay and Path(text).is_file():
        return f"{text!r} is a file, not a folder"
    return _file_fault(text)


def _file_fault(text: str) -> str | None:
    """Why this file cannot be read. None: it can."""
    file = Path(text)
    try:
        if file.is_dir():
            return f"{text!r} is a folder, not a file"
        if not file.exists():
            return f"there is no file {text!r}"
        return None if os.access(file, os.R_OK) else f"{text!r} may not be read by you"
    except (OSError, ValueError):  # a name that no file can have
        return f"{text[:80]!r} cannot be the name of a file"


def _written(context: click.Context, param: click.Parameter) -> str:
    """A parameter as a call has it: `NAME`, `--every SECONDS`."""
    if isinstance(param, click.Option):
        return f"{max(param.opts, key=len)} {param.make_metavar(context)}"
    return param.make_metavar(context)


def _too_many(rest: Sequence[str], words: Sequence[str]) -> str:
    count = "one word" if len(rest) == 1 else f"{len(rest)} words"
    advice = _JSON_IN_QUOTES if {"-d", "--data"} & set(words) else ""
    return f"there is {count} too many: {' '.join(rest)[:80]}{advice}"


def _allowed(context: click.Context, param: click.Parameter) -> str:
    """The values that a parameter takes, in words."""
    kind = param.type
    if isinstance(kind, click.Choice):
        return _listed([str(choice) for choice in kind.choices], "or")
    metavar = param.make_metavar(context).strip("[]")
    number = "a number of seconds" if metavar == "SECONDS" else "a number"
    if isinstance(kind, (click.IntRange, click.FloatRange)):
        noun = "a whole number" if isinstance(kind, click.IntRange) else number
        return noun + _range(kind.min, kind.max)
    if kind is click.INT:
        return "a whole number"
    if isinstance(kind, click.types.FloatParamType):
        return number
    return _METAVARS.get(metavar, metavar)


_METAVARS = {
    "TEXT": "text",
    "STR": "text",
    "INT": "a whole number",
    "FLOAT": "a number",
    "FILENAME": "a file",
    "PATH": "a path",
}


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return "" if most is None else f" of at most {most}"
    return f" of at least {least}" if most is None else f" from {least} to {most}"


def _name(param: click.Parameter, words: Sequence[str]) -> str:
    """The name of a parameter as the caller has written it: an option, else the variable, else the
    option's long name."""
    if not isinstance(param, click.Option):
        return param.human_readable_name
    used = [opt for opt in param.opts if any(_is_use(word, opt) for word in words)]
    if used:
        return used[0]
    variable = param.envvar if isinstance(param.envvar, str) else None
    if variable and os.environ.get(variable):
        return variable
    return max(param.opts, key=len)


def _options(context: click.Context) -> list[click.Option]:
    params = context.command.get_params(context)
    return [param for param in params if isinstance(param, click.Option)]


def _call(context: click.Context) -> str:
    params = context.command.get_params(context)
    needed = [_written(context, one) for one in _options(context) if one.required]
    arguments = [_written(context, one) for one in params if isinstance(one, click.Argument)]
    return " ".join([context.command_path, "[OPTIONS]", *needed, *arguments])


def _help(context: click.Context) -> str:
    names = context.help_option_names
    return f"{context.command_path} {max(names, key=len)}"


def _listed(names: Sequence[str], word: str) -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last
