"""boto3's Lambda client for a server of ours: any credentials, no retries, no configuration."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config


def lambda_client(url: str, **config: Any) -> Any:
    return boto3.session.Session().client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"max_attempts": 0}, proxies={}, read_timeout=120, **config),
    )
