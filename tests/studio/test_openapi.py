"""The description of the API is true: valid by itself, and what it describes is what is served.

schemathesis makes requests of it, right and wrong ones; none may be answered with an error of the server.
"""

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from erato.studio.api import ENDPOINTS, EVENTS
from erato.studio.schemas import COMPONENTS

OPERATIONS = [(endpoint.method, endpoint.path) for endpoint in ENDPOINTS]


@pytest.fixture(scope="module")
def described(served):
    return served.client.get("/api/openapi.json").json()


def test_it_is_built_from_the_same_table(described):
    assert described["openapi"].startswith("3.1")
    there = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert there == {*OPERATIONS, (EVENTS.method, EVENTS.path)} and len(there) == len(OPERATIONS) + 1
    names = [said["operationId"] for methods in described["paths"].values() for said in methods.values()]
    assert len(names) == len(set(names))
    for path, methods in described["paths"].items():
        for said in methods.values():
            assert said["summary"].endswith(".") and "401" in said["responses"]
            assert {one["name"] for one in said["parameters"] if one["in"] == "path"} == {
                part[1:-1].removesuffix("}.svg")
                for part in path.replace("{page}.svg", "{page}").split("/")
                if "{" in part
            }


def test_every_schema_in_it_is_one(described):
    def schemas(value):
        if isinstance(value, dict):
            if "schema" in value:
                yield value["schema"]
            for part in value.values():
                yield from schemas(part)
        elif isinstance(value, list):
            for part in value:
                yield from schemas(part)

    found = [*schemas(described["paths"]), *COMPONENTS.values()]
    assert len(found) > 60
    for schema in found:
        jsonschema.Draft202012Validator.check_schema(schema)


def answered_as_described(served, case):
    """Calls it; no fault of the server, and what comes back is in the description."""
    answer = case.call(base_url=f"http://127.0.0.1:{served.port}", headers={"Authorization": f"Bearer {served.token}"})
    assert answer.status_code < 500, (case.method, case.path, answer.status_code, answer.content[:500])
    case.validate_response(
        answer,
        checks=[
            schemathesis.checks.not_a_server_error,
            schemathesis.checks.status_code_conformance,
            schemathesis.checks.response_schema_conformance,
        ],
    )


@pytest.fixture(scope="module")
def there(served, score_of_two_notes):
    """The id of something that is there, by the first part of the path."""
    take = served.client.post("/api/takes", json={"how": "drawn", "score": score_of_two_notes}).json()
    job = served.client.post("/api/train", json={"corpus": "bach-chorales", "recipe": "pianonet"}).json()
    corpus = served.client.post("/api/corpora", json={"name": "mine"}).json()
    (served.project.runs / "a-run").mkdir()
    (served.project.runs / "a-run" / "recipe.json").write_text("{}")
    return {"takes": take["id"], "jobs": job["id"], "corpora": corpus["id"], "models": "a-run"}


def tried(served, described, there, method, path, examples, mode, real):
    operation = schemathesis.openapi.from_dict(described)[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    def attempt(case):
        if real and "{id}" in path:
            case.path_parameters = {**(case.path_parameters or {}), "id": there[path.split("/")[2]]}
        answered_as_described(served, case)

    attempt()


@pytest.mark.parametrize("method, path", OPERATIONS)
def test_no_request_is_a_fault_of_the_server(served, described, there, method, path):
    tried(served, described, there, method, path, 3, GenerationMode.POSITIVE, True)
    tried(served, described, there, method, path, 3, GenerationMode.NEGATIVE, False)


@pytest.mark.slow
@pytest.mark.parametrize("real", [True, False], ids=["of what is there", "of what is not"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("method, path", OPERATIONS)
def test_no_request_of_many_is_a_fault_of_the_server(served, described, there, method, path, mode, real):
    tried(served, described, there, method, path, 30, mode, real)
