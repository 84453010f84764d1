def handler(task, context):
    print("Hello world!")

    name = (task.get("data") or {}).get("name", "world")
    return {"greeting": f"Hello {name}!", "taskId": task.get("id")}
