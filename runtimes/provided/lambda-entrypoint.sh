#!/bin/sh
# As in the other stand-ins, but the process to start is looked for where Lambda looks for it.

if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" >&2
  exit 142
fi
export _HANDLER="$1"

if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
  echo "this stand-in has no Runtime Interface Emulator: set AWS_LAMBDA_RUNTIME_API=host:port" >&2
  exit 1
fi
for bootstrap in /var/task/bootstrap /opt/bootstrap /var/runtime/bootstrap; do
  [ -x "$bootstrap" ] && exec "$bootstrap"
done
echo "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]" >&2
exit 1
