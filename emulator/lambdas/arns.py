"""Names of AWS for what is here: region, account, ARNs, log streams. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime

from taskdock.lambdas.functions.reference import LATEST

REGION = "us-east-1"  # unless a setting says otherwise
ACCOUNT = "000000000000"


def log_stream(environment_id: str, time: datetime) -> str:
    """Names the environment as AWS names log streams."""
    instance = hashlib.sha256(environment_id.encode()).hexdigest()[:32]
    return f"{time:%Y/%m/%d}/[{LATEST}]{instance}"


def function_arn(name: str, region: str = REGION) -> str:
    return f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}"
