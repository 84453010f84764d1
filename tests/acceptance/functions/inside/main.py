"""Looks around in its container, as data.do says."""

import errno
import http.client
import os
import socket
import threading


def handler(task, context):
    data = task["data"]
    return globals()[f"do_{data['do']}"](data)


def do_describe(data):
    with open("/proc/self/status") as status:
        facts = dict(line.rstrip("\n").split(":\t", 1) for line in status)
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "capabilities": {name: facts[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")},
        "noNewPrivileges": facts["NoNewPrivs"],
    }


def do_write(data):
    """What comes of writing into each of the folders: ok, or the name of the error."""
    return {folder: write(folder) for folder in data["folders"]}


def do_list(data):
    return os.listdir(data["folder"])


def do_threads(data):
    """How many threads can be started, `most` at most."""
    threading.stack_size(64 * 1024)
    leave = threading.Event()
    threads = []
    try:
        while len(threads) < data["most"]:
            thread = threading.Thread(target=leave.wait, daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError:
        pass
    finally:
        leave.set()
    for thread in threads:
        thread.join()
    return len(threads)


def do_knock(data):
    """The status with which the Runtime API answers a request for each of these host names."""
    return {host: knock(host, data["method"], data["path"]) for host in data["hosts"]}


def do_address(data):
    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    return {"host": host, "ip": socket.gethostbyname(host), "port": int(port)}


def write(folder):
    try:
        with open(os.path.join(folder, "probe"), "w") as file:
            file.write("probe")
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"


def knock(host, method, path):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=3)
    try:
        connection.request(method, path, body="{}", headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()
