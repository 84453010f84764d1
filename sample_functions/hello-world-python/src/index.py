def handler(task, context):
    """The event is the task itself: its input is at task["data"], its id at task["id"]."""
    print("Hello world!")

    name = (task.get("data") or {}).get("name", "world")
    return {"greeting": f"Hello {name}!", "taskId": task.get("id")}
