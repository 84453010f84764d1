import time

DEFAULT_SECONDS = 3
STEPS = 10


def handler(task, context):
    data = task.get("data") or {}
    seconds = float(data.get("seconds", DEFAULT_SECONDS))
    print(f"Working on {data.get('item', 'something')} for {seconds:g} seconds", flush=True)
    for step in range(1, STEPS + 1):
        time.sleep(seconds / STEPS)
        print(f"{step * 100 // STEPS} % done", flush=True)

    return {"worked": seconds}
