#!/bin/sh
# What the machine under emulation does once it has booted: says what it is, and tries taskdock.
# Each fact is a line `## name value` on the console, which test_machine.py reads.
export HOME=/root PATH=/opt/venv/bin:$PATH LC_ALL=C.UTF-8 TERM=dumb PYTHONUNBUFFERED=1

fact() {
    printf '\n## %s %s\n' "$1" "$2"
}

uptime() {
    cut -d ' ' -f 1 /proc/uptime
}

engine() {
    # Asks the engine, in Python with `client`: its own command is not installed.
    python -c "import docker; client = docker.from_env(timeout=900); $1"
}

frozen() {
    # The state of each process of a function's, T where it stands still.
    grep --no-messages --files-with-matches '^Uid:.993' /proc/[0-9]*/status |
        xargs --no-run-if-empty sed -n 's/^State:.\(.\).*/\1/p' | tr -d '\n'
}

call() {
    taskdock run machine -d "{\"megabytes\": $1}"
}

cd /opt || exit
fact booted "$(uptime)"
fact cgroup "$(stat --file-system --format %T /sys/fs/cgroup)"
fact process1 "$(cat /proc/1/comm)"
fact docker "$(engine 'print(client.version()["Version"])')"
fact python "$(python3 --version)"
fact images "$(engine 'print(len(client.images.list()))')"
mkdir -p /root/.cache/taskdock/busybox/bin
cp busybox /root/.cache/taskdock/busybox/bin/
fact prepared "$(uptime)"

# The samples' time limits are in real time, which is short here: another try has warm files.
for try in 1 2 3; do
    taskdock demo --data-dir /var/lib/demo > /run/demo 2>&1
    status=$?
    cut -c 1-200 /run/demo | tail -n 100
    [ $status -ne 0 ] || break
done
fact demo $status
fact tries "$try"
fact demonstrated "$(uptime)"

taskdock serve --prewarm 0 --data-dir /var/lib/served > /var/log/served 2>&1 &
server=$!
until taskdock status > /dev/null 2>&1 || ! kill -0 $server; do
    sleep 1
done
taskdock deploy /opt/functions
call 1 > /run/result
fact run $?
fact disk "$(grep --only-matching '^5[0-9][0-9]' /run/result | head -n 1)"
until [ "$(frozen)" = T ] || [ $((tries = ${tries:-0} + 1)) -gt 20 ]; do
    sleep 1
done
fact frozen "$(frozen)"
call 1
fact again $?
call 400
fact memory $?
kill $server
wait $server
fact stopped $?
fact left "$(engine 'print(len(client.containers.list(all=True)))')"
cat /run/result /var/log/served
fact end "$(uptime)"
