#!/bin/sh
# What handler prints on standard output is its result; what it prints on standard error is logged.

handler() {
    echo 'Hello world!' >&2

    case $1 in
        *'"fail": true'* | *'"fail":true'*) return 3 ;;
    esac
    printf '{"greeting": "Hello from a shell script!", "eventLength": %d}' "${#1}"
}
