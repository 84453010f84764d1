DEFAULT_MEGABYTES = 512
STEP = 16  # megabytes taken at once
FILLING = b"\xaa"  # not zero: memory that is only zeroed need not be there


def handler(task, context):
    megabytes = int((task.get("data") or {}).get("megabytes", DEFAULT_MEGABYTES))
    held = []
    for taken in range(0, megabytes, STEP):
        step = min(STEP, megabytes - taken)
        held.append(FILLING * (step << 20))
        print(f"Holding {taken + step} MB", flush=True)

    return {"megabytes": megabytes}
