"""Delays and limits that are no user's setting: all in one value, which a server is given.

A test that needs others gives its server others: `Limits(init=0.5)`. Nothing reads them from a
module, so none is ever patched. All times are seconds unless a field says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    # Environments (emulator/lambdas)

    init: float = 10.0
    """A runtime has to poll within this time; later, its first invocation restarts it.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    runtime_end: float = 5.0
    """For a runtime that is stopped to end; then the whole container is given up."""
    settle: float = 2.0
    """Without output, for a runtime that has answered to ask for its next event: after it the
    outcome is told without the rest of the log."""
    linger: float = 0.002
    """Until an environment is frozen that nobody calls again at once."""
    almost_free: float = 0.1
    """For a call to wait for an environment that has answered and is almost free."""
    removal_stuck: float = 5.0
    """For a removal; then nobody counts any more on the room that the removal will give."""
    removal_retry: float = 2.0
    """Until a removal is tried again that has failed."""
    environments_stop: float = 30.0
    """For all containers to be removed at a stop, however the engine hangs."""
    idle_round: float = 1.0
    """Between two looks at what idles."""
    prewarm_calm: float = 1.0
    """Without a start, until containers are prewarmed."""
    prewarm_retry: float = 60.0
    """Until containers are prewarmed again after that has failed."""
    quiet: float = 0.2
    """Without output, after which nothing is left inside a runtime that has printed a lot."""
    pipe: int = 32 * 1024
    """Bytes that a pipe surely takes at once: half of what Linux has by default, see pipe(7)."""
    max_log: int = 16 * 1024 * 1024
    """Bytes of output that are kept of one invocation: who prints for ever shall not fill the
    disk."""
    light_code: int = 10_000
    """Files and folders that may be put into a prewarmed container: linking so many takes a third
    of the time in which the engine makes another container."""
    starts: int = 32
    """Threads that start containers; each may wait for a pull or a build."""
    creations: int = 8
    """Of these, those that have the engine create a container: more would slow each other down."""
    engine_calls: int = 8
    """Threads for calls to the engine that take a moment."""
    removals: int = 8
    """Threads that remove containers: as many as create some, else they would pile up."""

    # Engines (emulator/engines)

    engine_slow: float = 2.0
    """A start may take so long before the engine is asked whether it still answers."""

    # The stop of a server

    stop_writing: float = 15.0
    """Each part has this time that may have to wait for the database's lock."""
    stop_removing: float = 40.0
    """All containers together have this time to be removed; the pool's own limit is below it."""
    stop_requests: float = 5.0
    """Requests under way have this time once containers are gone."""

    # The server as a whole (emulator/base, emulator/server)

    trouble_over: float = 20.0
    """A trouble that nobody sees end, such as a want of descriptors, counts as over when it has not
    been met for so long. So a flood of it is reported once."""

    # Passwords (emulator/identity)

    password_cost: int = 2**15
    """scrypt's N, a power of two: 32 MB and about 80 ms for each hash. It is werkzeug's own.
    https://werkzeug.palletsprojects.com/en/stable/utils/#module-werkzeug.security"""
    password_patience: float = 10.0
    """A sign-in waits so long for its turn to hash."""
    password_hashes: int = 2
    """Passwords hashed side by side: together 64 MB."""
    password_waiting: int = 8
    """Sign-ins that wait for their turn; each holds a thread that answers."""

    # HTTP (emulator/web/http)

    http_patience: float = 60.0
    """The public listener waits so long for a complete request, and for a client that reads nothing
    of its reply. A body has a second more for each 32 KB of it that have arrived."""
    http_linger: float = 2.0
    """A refused client's further bytes are read and dropped for so long before the connection is
    closed: closed earlier, it is reset, and the client may lose the reply.
    https://httpd.apache.org/docs/2.4/misc/perf-tuning.html"""
    http_linger_bytes: int = 128 * 1024 * 1024
    """A refused client that sends more is cut off at once."""
    http_stop: float = 1.0
    """At a stop of the listener, replies under way may take so long."""
    http_idle: float = 3600.0
    """A connection is kept so long between two requests."""
    memory_check: float = 5.0
    """Pause between two checks of how many bytes have arrived by HTTP."""
    memory_check_bytes: int = 16 * 1024 * 1024
    """When more than these arrived between two checks, freed memory is given back to the system."""
    connections: int = 64
    """Connections of one container to one of its ports, or of one address other than loopback.
    Runtime clients hold one; the public listener has as many threads."""
    connections_of_function: int = 4 * 64
    """Connections of all containers of a function together, beside the first four of each."""

    pages: int = 200
    """Open pages of the dashboard that listen to its stream."""
    page_open: float = 300.0
    """A page's stream is ended after so long: the page asks anew, and may have been signed out."""

    # Tasks, events and their logs

    search: float = 1.0
    """The database may look so long for a page of the activity."""

    patience: float = 30.0
    """A call whose caller waits, such as a direct execution, waits so long for room in memory."""

    debug_silence: float = 10.0
    """Until a debug session ends whose command is not heard of."""
    task_patience: float = 300.0
    """A task or an asynchronous event waits so long for room in memory once it is claimed."""

    lock_patience: float = 10.0
    """A write waits so long for another program that holds the database's lock."""

    waiting_logs: int = 64 * 1024 * 1024
    """Bytes of log lines that may wait for a database that cannot be written; then the oldest are
    dropped."""

    history_bytes: int = 64 * 1024 * 1024
    """Bytes of runs that are kept together, whatever their number; the oldest go first."""

    server_silence: float = 300.0
    """A server that has not said for so long that it is alive has lost its claims: as long as the
    Task Service waits for a worker's report."""

    clock_jumps: int = 10_000
    """Due moments that a clock which tests move stops at in one move: a task that queues itself for
    ever would never let it come to an end."""
    waits: int = 32
    """Calls that wait for tasks to end: each holds one of the threads that answer."""
