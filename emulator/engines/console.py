"""The console: a few lines of shell that stand before a container's program, and what they say.

The shell is process 1. It runs the program as its child and shares one pipe with it for all
output, so whatever the shell writes comes after everything that was printed before. (Where there
is a pipe that leads to us directly, `pipe.py`, the program's output goes there.) That gives, on any
engine and without anything in the image but /bin/sh:

- run, stop: a program can be ended and another started while the container and its /tmp stay;
- flush: a word sent to its input comes back behind all earlier output, with the peak of memory;
- the exit code of the program, and whether the kernel killed it for lack of memory;
- an end with its server: when the input closes, the shell ends, and the container with it.

Its only argument names variables that no program shall see. How deeply shells are nested is not
told either. The program comes through the input: a script that sets its variables and becomes it.
The shell evaluates that in a subshell, so no variable of a program's can disturb the shell itself.

Its lines carry a random mark that arrives through the input, so the program cannot see it in its
environment or arguments. A hostile one can take it from the shell's memory, since it is the same
user, and can read and write both pipes. So words decide about their own container only, whatever
they say; and who waits for one has a limit, after which the container is killed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emulator.engines import pipe
from emulator.engines.engine import ProgramExit

MAX_LINE = 256 * 1024  # bytes; CloudWatch's limit for one log event
_SLACK = 4096  # bytes; more than the shell's own words, so that cutting a line never cuts them
_KILLED = 137  # exit code of a program that was ended by SIGKILL
_WORDS = re.compile(rb" (?:flush (\d{1,15})|exit (\d{1,9}) (\d{1,3}) (\d{1,9}) (\d{1,15}))")
_SHELLS_OWN = ("PWD", "OLDPWD", "SHLVL")  # says the shell, whatever anybody else says
_COMPUTED = re.compile(
    "OPTIND|LINENO|S?RANDOM|SECONDS|HISTCMD|GROUPS|DIRSTACK|FUNCNAME|EPOCH[A-Z]+|BASH.*"
)
"""Variables of bash's that are no plain text to it: it would change them, or give up over them."""

STOP, FLUSH = b"stop\n", b"flush\n"

# `kill -1` reaches every process but process 1 and the one that calls it: whatever a program has
# left behind ends with it.
SCRIPT = r"""
unset $1 SHLVL OLDPWD
pipe=@pipe
{ [ -p "$pipe" ] && echo @hello > "$pipe"; } 2> /dev/null || pipe=
IFS= read -r mark || exit 0
peak=0 oom=0 turn=0
measure() {
  for file in /sys/fs/cgroup/memory/memory.max_usage_in_bytes /sys/fs/cgroup/memory.peak \
              /sys/fs/cgroup/memory.current; do
    if [ -r "$file" ] && read -r peak < "$file"; then break; fi
  done
}
count_oom() {
  for file in /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events; do
    if [ -r "$file" ]; then
      while read -r key value; do [ "$key" = oom_kill ] && oom=$value; done < "$file"
    fi
  done
}
launch() {
  program=
  while IFS= read -r line && [ "$line" != "$mark" ]; do
    program="$program$line
"
  done
  turn=$((turn + 1))
  count_oom
  {
    before=$oom
    (
      if [ "$pipe" ]; then exec > "$pipe"; fi
      exec < /dev/null 2>&1
      eval "$program"
    )
    code=$?
    kill -KILL -1 2> /dev/null
    count_oom
    measure
    printf '%s exit %s %s %s %s\n' "$mark" "$turn" "$code" $((oom - before)) "$peak"
  } 2>&1 &
}
while IFS= read -r word; do
  case $word in
    run) launch ;;
    stop) kill -KILL -1; wait; measure; printf '%s exit %s 137 0 %s\n' "$mark" "$turn" "$peak" ;;
    flush) measure; printf '%s flush %s\n' "$mark" "$peak" ;;
  esac
done 2> /dev/null
"""

COMMAND = (
    *("/bin/sh", "-c"),
    SCRIPT.replace("@pipe", pipe.INSIDE).replace("@hello", pipe.HELLO.decode().strip()),
    "taskdock",
)


def run(
    mark: str, command: Sequence[str], environment: Mapping[str, str], folder: str | None
) -> bytes:
    """What is sent to the shell to run `command` in `folder`, or where the shell is.

    What a shell does not take as it is (bash: UID) is set by the image's `env`.
    """
    lines = ["run", f"set -- {shlex.join(command)}"]
    if folder is not None:
        lines += [f"cd -P {shlex.quote(folder)} || exit 126", "unset OLDPWD"]
    lines.append("{")
    for name, value in environment.items():
        if name in _SHELLS_OWN:
            continue
        variable = f"{name}={shlex.quote(value)}"
        export = "false" if _COMPUTED.fullmatch(name) else f"command export {variable}"
        lines.append(f'{export} || set -- env {variable} "$@"')
    lines += [":", "} 2> /dev/null", 'exec "$@"', mark, ""]
    return "\n".join(lines).encode(errors="replace")


@dataclass(frozen=True)
class Printed:
    line: bytes


@dataclass(frozen=True)
class Flushed:
    peak: int  # bytes


Said = Printed | Flushed | ProgramExit


class Lines:
    """Splits output into lines; a very long one comes in parts, when it is time. No I/O."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        first, newline, others = data.partition(b"\n")
        self._rest += first  # in place: a line may come in thousands of pieces
        lines: list[bytes] = []
        if newline:
            whole = others.split(b"\n")
            lines = [bytes(self._rest), *whole[:-1]]
            self._rest = bytearray(whole[-1])
        while len(self._rest) > MAX_LINE + _SLACK:
            lines.append(bytes(self._rest[:MAX_LINE]))
            del self._rest[:MAX_LINE]
        return lines

    def take(self) -> bytes:
        """What is left: the beginning of a line."""
        rest, self._rest = bytes(self._rest), bytearray()
        return rest

    def put_back(self, rest: bytes) -> None:
        """Makes this what is left."""
        self._rest = bytearray(rest)


def cut(line: bytes) -> list[bytes]:
    """The line, or the parts in which one longer than `MAX_LINE` is handed over."""
    return [line[begin : begin + MAX_LINE] for begin in range(0, len(line) or 1, MAX_LINE)]


class Console:
    """Splits a container's output into lines and the shell's own words. No I/O.

    While it is `muted`, output is passed over, cheaply, up to the shell's next word.
    """

    def __init__(self, mark: str) -> None:
        self.muted = False
        self._mark = mark.encode()
        self._lines = Lines()
        self._ended = 0  # runs of a program

    def feed(self, data: bytes) -> list[Said]:
        if self.muted:
            return self._skim(self._lines.take() + data)
        return [words for line in self._lines.feed(data) for words in self._read(line)]

    def end(self) -> list[Said]:
        """The output has ended: what is left is a last line."""
        rest = self._lines.take()
        return self._read(rest) if rest and not self.muted else []

    def _skim(self, data: bytes) -> list[Said]:
        begin = data.find(self._mark)
        end = data.find(b"\n", begin) if begin >= 0 else -1
        if end < 0:
            kept = data[-len(self._mark) :] if begin < 0 else data[begin : begin + _SLACK]
            self._lines.put_back(kept)
            return []
        self.muted = False
        return self._read(data[begin:end]) + self.feed(data[end + 1 :])

    def _read(self, line: bytes) -> list[Said]:
        printed, mark, words = line.partition(self._mark)
        if not mark:
            return [Printed(part) for part in cut(line)]
        said: list[Said] = [Printed(printed)] if printed else []
        heard = _WORDS.fullmatch(words)
        if heard is None:  # not the shell: somebody who knows the mark
            return [*said, Printed(words)]
        flushed, *values = heard.groups()
        if flushed is not None:
            return [*said, Flushed(int(flushed))]
        turn, code, oom, peak = map(int, values)
        if turn > self._ended:  # a stop may find that it has just ended by itself
            self._ended = turn
            killed = oom > 0 and code == _KILLED
            said.append(ProgramExit(code=code, out_of_memory=killed, peak=peak))
        return said
