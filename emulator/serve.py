"""A server as a process: on this machine's Docker Engine, until a signal ends it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence

from emulator import __version__, ids, places
from emulator.app import Emulator
from emulator.descriptors import raise_limit
from emulator.doctor.shortfalls import shortfalls
from emulator.engines.docker import DockerEngine, connect
from emulator.engines.images import Images
from emulator.engines.locate import find_engine
from emulator.engines.reaper import Reaper
from emulator.engines.scratch import open_scratch
from emulator.engines.standins import Progress
from emulator.identity.directory import ADMINISTRATOR
from emulator.provision import announcer, image_request
from emulator.settings import LIFELINE, ImageChoice, Settings


def serve(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM; a second signal ends what still runs."""
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("urllib3", "docker", "peewee", "oauthlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    emulator, engine = _build(settings)
    signals = _signals()
    if os.environ.pop(LIFELINE, ""):
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    emulator.start()
    _welcome(emulator, shortfalls(engine, settings.data_dir))
    signals.recv(1)
    print("stopping: running tasks may finish, others stay queued", flush=True)
    threading.Thread(target=_hurry_on, args=(signals, emulator), daemon=True).start()
    emulator.stop()


def _build(settings: Settings) -> tuple[Emulator, DockerEngine]:
    """A server on this machine's Docker Engine, and that engine.

    Raises `EngineUnreachable` or `StartupError`.
    """
    address = find_engine(os.environ)
    client = connect(address)
    announce = announcer(sys.stderr)
    if few := raise_limit():
        announce(Progress(few))
    cache = places.cache(os.environ, lambda line: announce(Progress(line)))
    images = Images(
        client,
        announce,
        cache=cache,
        architecture=settings.architecture,
        choice=ImageChoice(settings.images),
    )
    scratch = open_scratch(settings.data_dir)
    if isinstance(scratch, str):
        announce(Progress(f"the size of /tmp is not limited: {scratch}"))
    engine = DockerEngine(
        client,
        settings.data_dir.resolve() / "doors",
        scratch=None if isinstance(scratch, str) else scratch,
        warn=lambda text: announce(Progress(text)),
        reaper=Reaper(address, ids.word()),
    )
    emulator = Emulator(
        settings,
        engine=engine,
        image_of=lambda function: images.find(image_request(function)),
    )
    return emulator, engine


def _signals() -> socket.socket:
    """Gives a byte for each SIGINT and SIGTERM from now on.

    A handler that releases a lock would not do: it runs only once the main thread is awake, and a
    signal that comes just before the thread waits would not wake it.
    """
    awaited, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_, _open=told: None)
    return awaited


def _end_with_stdin() -> None:
    """Stops us when the program that started us and holds our input has gone, killed perhaps."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _hurry_on(signals: socket.socket, emulator: Emulator) -> None:
    signals.recv(1)
    emulator.hurry()


def _welcome(emulator: Emulator, without: Sequence[str]) -> None:
    """`without`: what is degraded here, in a few words each."""
    print(f"taskdock {__version__}")
    print(f"  Task Service  {emulator.url}")
    print(f"  Data          {emulator.settings.data_dir.resolve()}")
    strict = emulator.settings.auth == "strict"
    meant = "strict, as the real service" if strict else "open, no credentials needed"
    print(f"  Sign-in       {meant}")
    print(f'  Credentials   eval "$(taskdock env --data-dir {emulator.settings.data_dir})"')
    local = emulator.directory.local
    if local.password is not None:
        print("  Made at this first start, and shown only now:")
        print(f"    e-mail {ADMINISTRATOR}, password {local.password}")
        print(f"    OAuth2 client id {local.application.client_id},")
        print(f"      client secret {local.application.client_secret}")
    if without:
        print(f"  Degraded      {', '.join(without)}; more: taskdock doctor")
    print("  Stop          Ctrl-C", flush=True)
