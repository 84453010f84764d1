"""Does what data.attack says. Everything here is bounded, and harms nobody but its own server."""

import contextlib
import ctypes
import errno
import fcntl
import http.client
import os
import pathlib
import resource
import signal
import socket
import struct
import sys
import threading
import time

DOOR = "/dev/taskdock/door"
API = "/2018-06-01/runtime/invocation"
MEGABYTE = 1 << 20


def handler(task, context):
    data = task["data"]
    if "attack" not in data:
        return "at your service"
    return globals()["attack_" + data["attack"]](data, context)


# Processes


def attack_fork_bomb(data, context):
    while True:
        with contextlib.suppress(OSError):
            os.fork()


def attack_spin(data, context):
    def spin():
        while True:
            pass

    for _ in range(7):
        threading.Thread(target=spin, daemon=True).start()
    spin()


def attack_leak(data, context):
    leaked = []
    while True:
        leaked.append(os.urandom(MEGABYTE))


def attack_open_files(data, context):
    opened = []
    try:
        while len(opened) < 5000:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        failed = error.strerror
    for descriptor in opened:
        os.close(descriptor)
    return {"opened": len(opened), "failed": failed}


def attack_haunt(data, context):
    """A child of a child of a session of its own, deaf to every signal, that prints for ever."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in set(range(1, signal.NSIG)) - {signal.SIGKILL, signal.SIGSTOP}:
                with contextlib.suppress(OSError, ValueError):
                    signal.signal(number, signal.SIG_IGN)
            line = b"boo " + data["name"].encode() + b"\n"
            while True:
                os.write(1, line * data["lines"])
                time.sleep(data["pause"])
        os._exit(0)
    os.wait()
    return "haunted"


# Output


def attack_flood(data, context):
    piece = (data["piece"] * MEGABYTE).encode()[: 64 << 10]
    for _ in range((data["megabytes"] << 20) // len(piece)):
        write_all(1, piece)
    write_all(1, b"\n")
    return "printed"


def attack_rubbish(data, context):
    write_all(1, bytes.fromhex(data["bytes"]))


def attack_long_line(data, context):
    write_all(1, b"".join(b"%07d|" % n for n in range(data["size"] // 8)) + b"\n")


# Files


def attack_fill_tmp(data, context):
    piece = os.urandom(MEGABYTE)
    written = 0
    try:
        with open("/tmp/filler", "wb", buffering=0) as file:
            while written < data["megabytes"]:
                file.write(piece)
                written += 1
    except OSError as error:
        return {"written": written, "failed": error.strerror}
    finally:
        os.remove("/tmp/filler")
    return {"written": written}


def attack_write(data, context):
    def write(path):
        try:
            with open(path, "w") as file:
                file.write("1")
        except OSError as error:
            return error.strerror
        return "written"

    def delete(path):
        try:
            os.remove(path)
        except OSError as error:
            return error.strerror
        return "deleted"

    return {path: write(path) for path in data["paths"]} | {
        f"delete {path}": delete(path) for path in data["delete"]
    }


# The Runtime API


def attack_look_around(data, context):
    """All that the container knows of hosts."""
    with (
        open("/etc/hosts") as hosts,
        open("/etc/resolv.conf") as resolv,
        open("/proc/net/arp") as arp,
    ):
        return {
            "env": dict(os.environ),
            "files": hosts.read() + resolv.read() + arp.read(),
            "names": {name: lookup(name) for name in data["names"]},
        }


def attack_ask_as(data, context):
    """What is handed out to a caller that names these hosts."""
    found = []
    for host in data["hosts"]:
        answer = ask("GET", f"{API}/next", Host=host)
        mine = answer.headers["Lambda-Runtime-Aws-Request-Id"] == context.aws_request_id
        found.append("my own event" if mine else f"{answer.status} {answer.headers}")
    return found


def attack_connect(data, context):
    """Which of these ports take a connection, of this machine as the network has it."""
    with open("/proc/net/route") as routes:
        ways = [line.split()[2] for line in routes if line.split()[1] == "00000000"]
    (gateway,) = (socket.inet_ntoa(struct.pack("=I", int(way, 16))) for way in ways)
    taken = []
    for port in data["ports"]:
        try:
            socket.create_connection((gateway, port), timeout=5).close()
            taken.append(port)
        except OSError:
            pass
    return taken


def attack_hang_up(data, context):
    for _ in range(20):
        with dial() as line:  # in the middle of `next`
            line.sendall(request("GET", f"{API}/next"))
        with dial() as line:  # of a response
            line.sendall(request("POST", mine(context), b"x" * 100, **{"Content-Length": "200"}))
        with dial() as line:  # of the headers
            line.sendall(f"POST {mine(context)} HTTP/1.1\r\nHo".encode())
    return "still here"


def attack_answer_twice(data, context):
    return_codes = [ask("POST", mine(context), b'"first"').status for _ in range(2)]
    print("answers", return_codes)
    return "third"


def attack_answer_for(data, context):
    return [ask("POST", f"{API}/{id}/response", b'"forged"').status for id in data["ids"]]


def attack_poll_twice(data, context):
    """Both get the event that is being handled, as on AWS."""
    ids = []

    def poll():
        ids.append(ask("GET", f"{API}/next").headers["Lambda-Runtime-Aws-Request-Id"])

    threads = [threading.Thread(target=poll) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ids == [context.aws_request_id] * 2


def attack_send(data, context):
    """Raw bytes, `repeat` times, until the other side has had enough; what it answers."""
    piece = data["bytes"].replace("{mine}", mine(context)).encode() * data.get("times", 1)
    with dial() as line:
        try:
            for _ in range(data.get("repeat", 1)):
                line.sendall(piece)
            line.settimeout(data.get("patience", 10))
            return line.recv(64 << 10).partition(b"\r\n")[0].decode(errors="replace")
        except TimeoutError:
            return "silence"
        except OSError as error:
            return error.strerror


def attack_endless_response(data, context):
    with dial() as line:
        head = (
            f"POST {mine(context)} HTTP/1.1\r\nHost: {host()}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        line.sendall(head.encode())
        while True:
            line.sendall(b"%x\r\n" % MEGABYTE + b"1" * MEGABYTE + b"\r\n")


def attack_chunks(data, context):
    """A response of `size` bytes in chunks, whose status is printed."""
    body = b'"' + b"x" * (data["size"] - 2) + b'"'
    with dial() as line:
        head = (
            f"POST {mine(context)} HTTP/1.1\r\nHost: {host()}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        line.sendall(head.encode())
        for begin in range(0, len(body), 100_000):
            piece = body[begin : begin + 100_000]
            line.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        line.sendall(b"0\r\n\r\n")
        print("status", line.recv(100).split()[1].decode())


def attack_deep(data, context):
    deep = b"[" * 100_000 + b"]" * 100_000
    print("status", ask("POST", mine(context).replace("response", data["as"]), deep).status)


def attack_hold(data, context):
    """Opens `count` connections to a port of the container's own and begins a request on each;
    after `seconds`, how many the server holds: what is neither closed nor waits in a queue."""
    lines = []
    for _ in range(data["count"]):
        line = socket.socket()
        line.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            line.connect(("127.0.0.1", data["port"]))
        lines.append(line)
    time.sleep(0.5)
    for line in lines:
        with contextlib.suppress(OSError):
            line.sendall(b"GET / HTTP/1.1\r\n")  # and never the rest
    print("holding")
    sys.stdout.flush()
    time.sleep(data["seconds"])
    held = 0
    for line in lines:
        try:
            line.recv(1)
        except BlockingIOError:
            held += 1
        except OSError:
            pass
    for line in lines:
        line.close()
    return held


def attack_knock(data, context):
    """Connects, says its first bytes and goes, `count` times."""
    first = data["first"].encode("latin-1")
    for _ in range(data["count"]):
        line = socket.create_connection(("127.0.0.1", data["port"]), timeout=60)
        with line, contextlib.suppress(OSError):
            line.sendall(first)
    print("knocked", data["count"], "times")


def attack_api(data, context):
    """The statuses of calls to the public server, with these headers and no credentials."""
    port = int(os.environ["API_HOST"].rpartition(":")[2])
    statuses = []
    for method, path in data["calls"]:
        line = http.client.HTTPConnection("localhost", port, timeout=10)
        line.request(method, path, b"{}", {"Content-Type": "application/json", **data["headers"]})
        statuses.append(line.getresponse().status)
        line.close()
    return statuses


# The launcher, process 1, and its door


def attack_signal_launcher(data, context):
    said = set()
    for number in range(1, signal.NSIG):
        try:
            os.kill(1, number)
            said.add(f"{number} is sent")
        except OSError as error:
            if error.errno != errno.EINVAL:  # the C library keeps some for itself
                said.add(error.strerror)
    return sorted(said)


def attack_look_into_launcher(data, context):
    libc = ctypes.CDLL(None, use_errno=True)
    own = ctypes.create_string_buffer(8)
    here = (ctypes.c_void_p * 2)(ctypes.addressof(own), 8)
    there = (ctypes.c_void_p * 2)(0x400000, 8)

    def of_libc(call):
        def attempt():
            if call() < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

        return attempt

    ways = {
        "attach": of_libc(lambda: libc.ptrace(16, 1, 0, 0)),
        "seize": of_libc(lambda: libc.ptrace(0x4206, 1, 0, 0)),
        "read": of_libc(lambda: libc.process_vm_readv(1, here, 1, there, 1, 0)),
        "write": of_libc(lambda: libc.process_vm_writev(1, here, 1, there, 1, 0)),
        "limit": lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3)),
        "list": lambda: os.listdir("/proc/1/fd"),
        "program": lambda: os.readlink("/proc/1/exe"),
        "root": lambda: os.listdir("/proc/1/root/"),
        "take": lambda: take_descriptor(libc),
    }
    for file in ("mem", "environ", "maps", "auxv", "syscall", "stack", "fd/0", "fd/3", "fd/4"):
        ways[file] = lambda file=file: pathlib.Path(f"/proc/1/{file}").read_bytes()
    ways["be killed"] = lambda: pathlib.Path("/proc/1/oom_score_adj").write_text("1000")
    return {name: try_it(attempt) for name, attempt in ways.items()}


def try_it(attempt):
    try:
        attempt()
    except OSError as error:
        return error.strerror
    return "done"


def take_descriptor(libc):
    """One of the launcher's, as pidfd_getfd(2) does."""
    handle = os.pidfd_open(1)
    try:
        if libc.syscall(438, handle, 3, 0) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(handle)


def attack_replace(data, context):
    ways = {
        "write": lambda path: open(path, "r+b").close(),
        "delete": os.remove,
        "rename": lambda path: os.rename(path, path + ".old"),
        "chmod": lambda path: os.chmod(path, 0o777),
        "link": lambda path: os.link(path, "/dev/taskdock/other"),
    }
    return {
        f"{name} {path}": try_it(lambda way=way, path=path: way(path))
        for path in data["paths"]
        for name, way in ways.items()
    }


def attack_door(data, context):
    """What becomes of callers that say this."""
    answers = []
    for _ in range(data["count"]):
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(20)
            line.connect(DOOR)
            try:
                line.sendall(data["first"].encode("latin-1"))
                answers.append(line.recv(1000).decode("latin-1") or "closed")
            except TimeoutError:
                answers.append("silence")
            except OSError:
                answers.append("closed")
    return answers


def attack_door_silence(data, context):
    lines = []
    for _ in range(data["count"]):
        line = socket.socket(socket.AF_UNIX)
        line.setblocking(False)
        with contextlib.suppress(OSError):  # its queue is full
            line.connect(DOOR)
        lines.append(line)
    time.sleep(data["seconds"])


def attack_flood_door(data, context):
    """From eight threads, for as long as it lives."""
    first = data["first"].encode("latin-1")

    def flood():
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
                line.connect(DOOR)
                line.sendall(first)

    for _ in range(8):
        threading.Thread(target=flood, daemon=True).start()
    time.sleep(data["seconds"])


def attack_kill_all(data, context):
    with contextlib.suppress(ProcessLookupError):  # there may be nobody
        os.kill(-1, signal.SIGKILL)  # all but process 1 and this one
    if data.get("then") == "exit":
        os._exit(3)
    return "alone"


def attack_stop_itself(data, context):
    os.kill(os.getpid(), signal.SIGSTOP)


def attack_steal_output(data, context):
    """Reads its own output."""
    if os.fork() == 0:
        output = os.open("/proc/self/fd/1", os.O_RDONLY)
        while True:
            os.read(output, MEGABYTE)
    print("stolen, or not")
    if data.get("hang"):
        time.sleep(600)
    return "stolen"


def attack_narrow_output(data, context):
    """Prints through a pipe of one page, in which every write may block."""
    sys.stdout.flush()
    fcntl.fcntl(1, 1031, 4096)  # F_SETPIPE_SZ
    for number in range(data["lines"]):
        write_all(1, b"narrow %d\n" % number)


def write_all(descriptor, data):
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def runtime_api():
    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    return host, int(port)


def host():
    return os.environ["AWS_LAMBDA_RUNTIME_API"]


def mine(context):
    return f"{API}/{context.aws_request_id}/response"


def dial():
    return socket.create_connection(runtime_api(), timeout=60)


def request(method, path, body=b"", **headers):
    headers = {"Host": host(), "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers), "", ""]
    return "\r\n".join(lines).encode() + body


def ask(method, path, body=b"", **headers):
    line = http.client.HTTPConnection(*runtime_api(), timeout=10)
    line.request(method, path, body, headers)
    answer = line.getresponse()
    answer.read()
    line.close()
    return answer


def lookup(name):
    try:
        return socket.gethostbyname(name)
    except OSError:
        return None
