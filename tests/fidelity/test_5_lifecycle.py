"""What lasts from one invocation to the next, fact by fact, and what happens in between.

A name begins with the section that the fact belongs to: 5.1 freezing, 5.2 after errors,
5.3 shutdown.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from taskdock.testing.waiting import eventually
from tests.support.live_dock import Deployed, LiveDock

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

REMEMBER = {
    "python3.11": "open('/tmp/kept', 'a').write('x'); kept['been'] = True",
    "nodejs20.x": "require('fs').appendFileSync('/tmp/kept', 'x'); kept.been = true;",
    "provided.al2023": "echo x >> /tmp/kept; kept=true",
}
RECALL = {
    "python3.11": "result = [os.path.exists('/tmp/kept'), 'been' in kept]",
    "nodejs20.x": "return [require('fs').existsSync('/tmp/kept'), 'been' in kept];",
    "provided.al2023": "test -e /tmp/kept && file=true; result=[${file:-false},${kept:-false}]",
}
"""Whether /tmp was kept, and whether globals were."""


@pytest.fixture(scope="module")
def warm(live: LiveDock) -> Callable[[str], Deployed]:
    """The function of a runtime, which has one environment: those that all tests share may have
    more, since who calls by HTTP is answered before an environment is free again."""
    return functools.cache(live.doer)


@pytest.fixture(params=REMEMBER)
def function(request: pytest.FixtureRequest, warm: Callable[[str], Deployed]) -> Deployed:
    """A warm one, which has left something behind."""
    function = warm(request.param)
    function.run(REMEMBER[request.param])
    return function


def recall(function: Deployed) -> tuple[bool, bool]:
    file, memory = function.run(RECALL[str(function.function.runtime)]).result
    return file, memory


# 5.1 Between invocations


def test_5_1_globals_and_tmp_persist(function: Deployed) -> None:
    environment = function.environment.id

    assert recall(function) == (True, True)
    assert recall(function) == (True, True)
    assert function.environment.id == environment


BUSY = """
def spin():
    while True:
        now = time.time()
        kept['gap'] = max(kept['gap'], now - kept['last'])
        kept['last'] = now

kept.update(last=time.time(), gap=0.0)
threading.Thread(target=spin, daemon=True).start()
"""


def test_5_1_a_frozen_environment_stands_still_and_goes_on_at_the_next_event(
    live: LiveDock,
) -> None:
    """A thread that never rests sees the clock jump once, by as long as it was stopped."""
    function = live.doer("python3.11")
    function.run(BUSY)
    function.freeze()
    begin = time.time()
    eventually(lambda: time.time() > begin + 1, "a second has gone by")
    end = time.time()

    gap, last = function.run("time.sleep(0.1); result = kept['gap'], kept['last']").result

    assert gap > 0.9 * (end - begin)
    assert last > end
    function.retire()


def test_5_1_the_wait_for_the_next_event_survives_freezing(function: Deployed) -> None:
    environment = function.environment.id

    for _ in range(3):
        function.freeze()
        assert recall(function) == (True, True)

    assert function.environment.id == environment


def test_5_1_a_timer_of_node_fires_late(warm: Callable[[str], Deployed]) -> None:
    function = warm("nodejs20.x")
    function.run("kept.fired = new Promise(done => setTimeout(() => done(Date.now()), 2000));")
    function.freeze()
    due = time.time() + 2.1
    eventually(lambda: time.time() > due, "the timer is due")

    begun = time.time()
    fired = function.run("return await kept.fired;").result / 1000

    assert begun - 0.001 <= fired  # Date.now() is in whole milliseconds


# 5.2 After errors


@dataclass(frozen=True)
class Ending:
    runtime: str
    code: str
    error: str
    lasts: bool = False  # the process, and its globals


ENDINGS = {
    "an exception": Ending("python3.11", "raise ValueError", "ValueError", lasts=True),
    "an exit": Ending("python3.11", "sys.exit(0)", "Runtime.ExitError"),
    "a crash": Ending("python3.11", "os.abort()", "Runtime.ExitError"),
    "too little memory": Ending("python3.11", "x = b'x' * (200 << 20)", "Runtime.OutOfMemory"),
    "too large a result": Ending(
        "python3.11", "result = 'x' * (7 << 20)", "Function.ResponseSizeTooLarge"
    ),
    "an error": Ending("nodejs20.x", "throw new TypeError();", "TypeError", lasts=True),
    "an exit of Node.js": Ending("nodejs20.x", "process.exit(1);", "Runtime.ExitError"),
    "an exception that nobody catches": Ending(
        "nodejs20.x",
        "setImmediate(() => { throw new RangeError(); }); await new Promise(() => {});",
        "RangeError",
    ),
    "a rejection that nobody handles": Ending(
        "nodejs20.x",
        "Promise.reject(new Error()); await new Promise(() => {});",
        "Runtime.UnhandledPromiseRejection",
    ),
    "an exit of a script": Ending("provided.al2023", "exit 1", "Runtime.ExitError"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_5_2_the_environment_and_its_tmp_outlive(
    warm: Callable[[str], Deployed], name: str
) -> None:
    ending = ENDINGS[name]
    function = warm(ending.runtime)
    function.run(REMEMBER[ending.runtime])
    container = function.container

    failed = function.run(ending.code)
    after = function.run(RECALL[ending.runtime])

    assert failed.failure.name == ending.error
    assert after.result == [True, ending.lasts]
    assert function.container == container
    assert after.words == ["START", "END", "REPORT"]
    assert "Init Duration" not in after.report


@pytest.mark.parametrize(
    ("runtime", "sleep"),
    [
        ("python3.11", "time.sleep(60)"),
        ("nodejs20.x", "await new Promise(done => setTimeout(done, 60_000));"),
        ("provided.al2023", "sleep 60"),
    ],
)
def test_5_2_the_environment_and_its_tmp_outlive_a_time_out(
    live: LiveDock, runtime: str, sleep: str
) -> None:
    function = live.doer(runtime, time_limit=2)
    function.run(REMEMBER[runtime])
    container = function.container

    failed = function.run(sleep)
    after = function.run(RECALL[runtime])

    assert failed.failure.name == "Sandbox.Timedout"
    assert after.result == [True, False]
    assert function.container == container
    assert after.words == ["START", "END", "REPORT"]
    assert "Init Duration" not in after.report


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("setImmediate(() => { throw new RangeError(); }); await new Promise(() => {});", 129),
        ("Promise.reject(new Error()); await new Promise(() => {});", 128),
    ],
)
def test_5_2_node_ends_with_a_status_of_its_own(
    warm: Callable[[str], Deployed], code: str, status: int
) -> None:
    function = warm("nodejs20.x")

    function.run(code)
    function.await_end()

    end = function.environment.runtime.end
    assert end is not None
    assert end.code == status


def test_5_2_what_a_runtime_has_left_running_ends_with_it(live: LiveDock) -> None:
    function = live.doer("python3.11", time_limit=2)
    start = "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\n"
    count = (
        "import glob\nresult = sum('sleep' in open(f).read() for f in glob.glob('/proc/*/comm'))"
    )

    before = function.run(start + count).result
    function.run("time.sleep(60)")

    assert before == 1
    assert function.run(count).result == 0


# 5.3 Shutdown

LISTENS = """
import signal
signal.signal(signal.SIGTERM, lambda *_: print("SIGTERM"))

def handler(event, context):
    if event == "terminate":
        signal.raise_signal(signal.SIGTERM)
    if event == "sleep":
        while True:
            signal.pause()
"""


def test_5_3_a_function_never_sees_sigterm(live: LiveDock) -> None:
    function = live.deploy("python3.11", LISTENS, time_limit=2)

    seen = function.call("terminate")
    timed_out = function.call("sleep")
    last = function.call()
    function.retire()

    assert seen.printed == ["SIGTERM"]
    assert timed_out.failure.name == "Sandbox.Timedout"
    assert "SIGTERM" not in timed_out.lines
    assert last.lines[-1].startswith("REPORT ")  # lines that come later would be behind it
