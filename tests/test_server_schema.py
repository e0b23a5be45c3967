"""Whatever is sent to any route of the OpenAPI description, the server answers, and never that it failed."""

from __future__ import annotations

from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from keeping import error
from schemathesis.checks import not_a_server_error
from serving import Serving

EXAMPLES = 12
"""Requests to each route."""


def test_no_request_makes_the_server_fail(served: Serving) -> None:
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def sent(case: Any) -> None:
            nonlocal tried
            tried += 1
            answer = case.call(base_url=served.url)
            case.validate_response(answer, checks=[not_a_server_error])
            if answer.status_code >= 400 and case.method != "HEAD":
                assert set(answer.json()["error"]) == {"message", "type", "param", "code"}, (
                    case.as_curl_command()
                )

        sent()
    assert tried > 100


def test_the_description_names_every_route(served: Serving) -> None:
    told = httpx.get(f"{served.url}/openapi.json").json()
    assert {
        "/v1/chat/completions", "/v1/embeddings", "/v1/models", "/v1/models/{name}", "/v1/memories",
        "/v1/memories/{memory}/search", "/health/live", "/health/ready", "/metrics",
    } <= set(told["paths"])  # fmt: skip
    for path, methods in told["paths"].items():
        for operation in methods.values():
            assert "422" not in operation["responses"], f"{path} tells errors in another shape"
    error(httpx.get(f"{served.url}/v1/nothing"), 404)
