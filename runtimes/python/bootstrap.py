"""Starts AWS's runtime client with the managed runtime's module path: task, layers, runtime."""

import os
import sys

from awslambdaric.__main__ import main

version = f"python{sys.version_info.major}.{sys.version_info.minor}"
layers = [f"/opt/python/lib/{version}/site-packages", "/opt/python"]
sys.path[0:0] = [os.environ["LAMBDA_TASK_ROOT"], *layers]

main([__file__, os.environ["_HANDLER"]])
