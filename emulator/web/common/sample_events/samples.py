"""Every kind of sample event by its name: for a command, and for the dashboard."""

from __future__ import annotations

from collections.abc import Mapping

from taskdock.web.common.sample_events import messages, notifications, storage, task_service
from taskdock.web.common.sample_events.sample import Sample

SAMPLES: Mapping[str, Sample] = {
    "api-request": task_service.API_REQUEST,
    "task": task_service.TASK,
    "task-failed": task_service.TASK_FAILED,
    "s3": storage.S3,
    "sqs": messages.SQS,
    "sns": messages.SNS,
    "dynamodb": storage.DYNAMODB,
    "kinesis": messages.KINESIS,
    "eventbridge": notifications.EVENTBRIDGE,
    "schedule": notifications.SCHEDULE,
    "cloudwatch-logs": notifications.CLOUDWATCH_LOGS,
    "api-gateway-rest": notifications.API_GATEWAY_REST,
}
