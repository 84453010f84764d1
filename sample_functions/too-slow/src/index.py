import time

DEFAULT_SECONDS = 30


def handler(task, context):
    seconds = float((task.get("data") or {}).get("seconds", DEFAULT_SECONDS))
    print(f"Going to sleep for {seconds:g} seconds", flush=True)
    time.sleep(seconds)

    print("Awake in time")
    return {"slept": seconds}
