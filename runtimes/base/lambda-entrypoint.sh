#!/bin/sh
# Answers as the entry point of AWS's base images does, except that it has no emulator to fall back on.

if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" >&2
  exit 142
fi
export _HANDLER="$1"

if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
  echo "this stand-in has no Runtime Interface Emulator: set AWS_LAMBDA_RUNTIME_API=host:port" >&2
  exit 1
fi
exec /var/runtime/bootstrap
