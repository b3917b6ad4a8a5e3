"""The command `completion`: a script that lets a shell complete commands, options, names, files and scenarios.

Owns what can stand where (`_Word`, asked of the parsers themselves, so it never falls behind), and how bash, zsh and
fish want to be told. The scripts are static: pressing TAB starts no Python. Scenarios are found by their decorator.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final, Literal

from attrs import frozen

from convexsim.cli.arguments import Level, OneOf, add_json, file
from convexsim.cli.command import HELD, Command, Example
from convexsim.cli.parser import actions_of, parser_of
from convexsim.cli.printing import say
from convexsim.testing.record import json_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["COMPLETION"]

Kind = Literal["flag", "name", "scenario", "file", "folder", "free"]

_NAMES: Final = r"sed -n '/^@scenario/,/^def /s/^def \([A-Za-z0-9_]*\).*/\1/p'"
"""Prints the names of the scenarios that a script decorates."""


@frozen
class _Word:
    """What may be typed behind a command.

    Attributes:
        spellings: of an option; none for an argument, which goes by its place.
        kind: what its value is; a ``flag`` has none.
        names: its values, if it is a name.

    """

    spellings: tuple[str, ...]
    about: str
    kind: Kind
    names: tuple[str, ...]


def _words(command: Command) -> list[_Word]:
    return [_word(action) for action in actions_of(parser_of(command))]


def _word(action: argparse.Action) -> _Word:
    kind: Kind = "free"
    names: tuple[str, ...] = ()
    if action.nargs == 0:
        kind = "flag"
    elif isinstance(action.type, OneOf):
        kind, names = "name", action.type.names
    elif isinstance(action.type, Level):
        kind, names = "name", tuple(str(level) for level in action.type.levels)
    elif action.type is file:
        kind = "scenario"
    elif action.type is Path:
        kind = "folder" if action.metavar == "DIR" else "file"
    return _Word(tuple(action.option_strings), (action.help or "").replace("%%", "%"), kind, names)


# ---------------------------------------------------------------------------------------------------------------- bash

_BASH: Final = r"""# bash completion for convexsim: eval "$(convexsim completion bash)"
_convexsim() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options kind=file
    COMPREPLY=()
    if [[ $COMP_CWORD == 1 ]]; then
        COMPREPLY=($(compgen -W "COMMANDS" -- "$word"))
        return
    fi
    case "${COMP_WORDS[1]} $before" in
VALUES
    esac
    case "${COMP_WORDS[1]}" in
OPTIONS
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
        return
    fi
    # bash takes the colon of SCENARIO.py:NAME for a word of its own
    local script= name=$word
    if [[ $word == : ]]; then
        script=$before name=
    elif [[ $before == : ]]; then
        script=${COMP_WORDS[COMP_CWORD-2]}
    fi
    if [[ $script == *.py ]]; then
        COMPREPLY=($(compgen -W "$(NAMES "$script" 2>/dev/null)" -- "$name"))
        return
    fi
    _convexsim_files "$kind" "$word"
}
_convexsim_files() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    case $1 in
        file) COMPREPLY=($(compgen -f -- "$2")) ;;
        folder) COMPREPLY=($(compgen -d -- "$2")) ;;
        scenario) COMPREPLY=($(compgen -f -X '!*.py' -- "$2") $(compgen -d -- "$2")) ;;
    esac
}
complete -F _convexsim convexsim
"""


def _bash(table: Mapping[str, Sequence[_Word]], _about: Mapping[str, str]) -> str:
    values, options = [], []
    for name, words in table.items():
        for word in words:
            where = "|".join(f'"{name} {spelled}"' for spelled in word.spellings)
            if word.spellings and word.kind == "name":
                values.append(f'{where}) COMPREPLY=($(compgen -W "{" ".join(word.names)}" -- "$word")); return ;;')
            elif word.spellings and word.kind != "flag":
                values.append(f'{where}) _convexsim_files {word.kind} "$word"; return ;;')
        spelled = " ".join(spelling for word in words for spelling in word.spellings)
        options.append(f'{name}) options="{spelled}" kind={_of_arguments(words)} ;;')
        named = [one for word in words if not word.spellings for one in word.names]
        if named:
            values.append(f'"{name} {name}") COMPREPLY=($(compgen -W "{" ".join(named)}" -- "$word")); return ;;')
    told = {"COMMANDS": " ".join(table), "VALUES": _lines(values, 8), "OPTIONS": _lines(options, 8), "NAMES": _NAMES}
    return _filled(_BASH, told)


def _of_arguments(words: Sequence[_Word]) -> Kind:
    """Return what is completed where no option stands: scripts if one can, else files, if one can."""
    kinds = [word.kind for word in words if not word.spellings]
    return next((kind for kind in ("scenario", "file") if kind in kinds), "free")


# ----------------------------------------------------------------------------------------------------------------- zsh

_ZSH: Final = r"""#compdef convexsim
# zsh completion for convexsim, behind compinit: source <(convexsim completion zsh)
_convexsim_scenarios() {
    if [[ $PREFIX == *.py:* ]]; then
        local script=${PREFIX%%:*}
        compset -P '*:'
        compadd -- $(NAMES ${~script} 2>/dev/null)
    else
        _files -g '*.py'
    fi
}
_convexsim() {
    if (( CURRENT == 2 )); then
        local -a commands=(
COMMANDS
        )
        _describe command commands
        return
    fi
    shift words
    (( CURRENT-- ))
    case $words[1] in
OPTIONS
    esac
}
compdef _convexsim convexsim
"""
_ZSH_ACTIONS: Final[Mapping[Kind, str]] = {
    "scenario": "_convexsim_scenarios",
    "file": "_files",
    "folder": "_files -/",
    "free": " ",
}


def _zsh(table: Mapping[str, Sequence[_Word]], about: Mapping[str, str]) -> str:
    commands = [quote(f"{name}:{said}".replace(":", "\\:").replace("\\:", ":", 1)) for name, said in about.items()]
    options = [f"{name}) _arguments {' '.join(map(quote, _specs(words)))} ;;" for name, words in table.items()]
    return _filled(_ZSH, {"COMMANDS": _lines(commands, 12), "OPTIONS": _lines(options, 8), "NAMES": _NAMES})


def _specs(words: Sequence[_Word]) -> Iterator[str]:
    """Yield words as `_arguments` wants them."""
    for word in words:
        about = "".join("\\" + letter if letter in "[]:\\" else letter for letter in word.about)
        action = f"({' '.join(word.names)})" if word.names else _ZSH_ACTIONS.get(word.kind, "")
        for spelled in word.spellings:
            yield f"{spelled}[{about}]" + (f":value:{action}" if action else "")
        if not word.spellings:
            yield f":{about}:{action}"


# ---------------------------------------------------------------------------------------------------------------- fish

_FISH: Final = r"""# fish completion for convexsim: convexsim completion fish | source
function __convexsim_scenarios
    set -l script (string match -r '^.*\.py(?=:)' -- (commandline -ct))
    if test -n "$script"
        for name in (NAMES $script 2>/dev/null)
            echo $script:$name
        end
    else
        __fish_complete_suffix .py
    end
end
complete -c convexsim -f
COMMANDS
OPTIONS
"""
_FISH_ACTIONS: Final[Mapping[Kind, str]] = {
    "flag": "",
    "scenario": "-x -a '(__convexsim_scenarios)'",
    "file": "-r -F",
    "folder": "-x -a '(__fish_complete_directories)'",
    "free": "-x",
}


def _fish(table: Mapping[str, Sequence[_Word]], about: Mapping[str, str]) -> str:
    head = "complete -c convexsim -n"
    commands = [f"{head} __fish_use_subcommand -a {name} -d {_fished(said)}" for name, said in about.items()]
    options = []
    for name, words in table.items():
        for word in words:
            action = f"-x -a {quote(' '.join(word.names))}" if word.names else _FISH_ACTIONS.get(word.kind, "")
            spelled = " ".join(f"-{'l' if each[:2] == '--' else 's'} {each.lstrip('-')}" for each in word.spellings)
            if not word.spellings:
                action = {"-r -F": "-F", "-x": ""}.get(action, action.removeprefix("-x "))
            if spelled or action:
                line = f"{head} '__fish_seen_subcommand_from {name}' {spelled} {action}".rstrip()
                options.append(f"{line} -d {_fished(word.about)}" if spelled else line)
    return _filled(_FISH, {"COMMANDS": _lines(commands, 0), "OPTIONS": _lines(options, 0), "NAMES": _NAMES})


def _fished(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# ---------------------------------------------------------------------------------------------------------- the command


def _lines(lines: Sequence[str], indent: int) -> str:
    return "\n".join(" " * indent + line for line in lines)


def _filled(script: str, told: Mapping[str, str]) -> str:
    for place, text in told.items():
        script = script.replace(place, text)
    return script


_SHELLS: Final[Mapping[str, Callable[[Mapping[str, Sequence[_Word]], Mapping[str, str]], str]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    about = f"for which shell: {', '.join(_SHELLS)}"
    parser.add_argument("shell", type=OneOf("shell", tuple(_SHELLS)), metavar="SHELL", help=about)
    add_json(parser)


def _complete(arguments: argparse.Namespace) -> int:
    commands: list[Command] = [command for group in arguments.table.values() for command in group]
    help_of = _Word((), "which command", "name", tuple(command.name for command in commands))
    table = {**{command.name: _words(command) for command in commands}, "help": [help_of]}
    about = {**{command.name: command.about for command in commands}, "help": "say what a command takes"}
    script = _SHELLS[arguments.shell](table, about)
    facts = {"shell": arguments.shell, "script": script}
    say(arguments, (json_line("completion", facts) if arguments.json else script).rstrip())
    return HELD


COMPLETION: Final = Command(
    "completion",
    "print a script that lets your shell complete what you type",
    _add_arguments,
    _complete,
    (
        Example("completion bash", 'for bash; put eval "$(convexsim completion bash)" into ~/.bashrc'),
        Example("completion fish", "for fish; put convexsim completion fish | source into config.fish"),
    ),
)
