"""Uses as much memory as its event says, and tells the size of /tmp in MB."""

import os


def handler(event, context):
    food = bytearray(event["data"]["megabytes"] << 20)
    for place in range(0, len(food), 4096):
        food[place] = 1
    storage = os.statvfs("/tmp")
    return storage.f_bavail * storage.f_frsize >> 20
